/**
 * What a reader was told of a run, who can only be told more: the text of each step once, in paragraphs of their own. A step that is said
 * anew goes on where it was; when it says something else now, that is a paragraph too.
 */
export class RunSaid {
  private step = 0;
  private said = '';
  private any = false;

  /** What to tell when the step's text is this by now; nothing of a step before the latest. */
  more(step: number, text: string): string {
    if (step < this.step) return '';
    if (step > this.step) [this.step, this.said] = [step, ''];
    if (this.said.startsWith(text)) return '';
    const goesOn = this.said !== '' && text.startsWith(this.said);
    const piece = goesOn ? text.slice(this.said.length) : this.paragraph(text);
    this.said = text;
    return piece;
  }

  private paragraph(text: string): string {
    const piece = this.any ? `\n\n${text}` : text;
    this.any = true;
    return piece;
  }
}
