const color = (code: number) => (text: string) =>
  process.stdout.isTTY && !process.env['NO_COLOR'] ? `\u001b[${code}m${text}\u001b[0m` : text;
export const bold = color(1);
export const dim = color(2);
const green = color(32);
const red = color(31);
const cyan = color(36);

/** A claim that the demo made did not hold. */
export class ClaimFailed extends Error {}

/** Prints what happens as it happens. On a terminal a line may be redrawn; in a file each state is a line. */
export class Terminal {
  private checks = 0;
  private open = false;

  chapter(title: string): void {
    this.endLine();
    process.stdout.write(`\n${bold(cyan(title))}\n`);
  }

  say(text: string): void {
    this.endLine();
    process.stdout.write(`  ${text}\n`);
  }

  quote(who: string, text: string): void {
    this.endLine();
    for (const [index, line] of text.split('\n').entries())
      process.stdout.write(`  ${bold((index === 0 ? who : '').padEnd(10))} ${line}\n`);
  }

  /** Says that a claim holds. @throws ClaimFailed when it does not, which ends the demo. */
  check(claim: string, holds: boolean, seen: unknown = ''): void {
    this.endLine();
    if (!holds) {
      process.stdout.write(`  ${red('✗')} ${claim}\n`);
      throw new ClaimFailed(`${claim}: it does not. Seen: ${JSON.stringify(seen)}`);
    }
    this.checks++;
    process.stdout.write(`  ${green('✓')} ${claim}\n`);
  }

  get checked(): number {
    return this.checks;
  }

  /** A bar from 0 to 1 that is redrawn in place. */
  progress(label: string, share: number, note: string): void {
    const width = 24;
    const done = Math.round(width * Math.min(1, share));
    const line = `  ${label.padEnd(30)} ${green('█'.repeat(done))}${dim('░'.repeat(width - done))} ${note}`;
    if (!process.stdout.isTTY) {
      if (share >= 1) process.stdout.write(`${line}\n`);
      return;
    }
    process.stdout.write(`\r\u001b[K${line}${share >= 1 ? '\n' : ''}`);
    this.open = share < 1;
  }

  /** Text as it arrives, wrapped at the terminal's right edge by the terminal itself. */
  stream(text: string): void {
    this.open = true;
    process.stdout.write(text.replaceAll('\n', `\n${' '.repeat(13)}`));
  }

  private endLine(): void {
    if (this.open) process.stdout.write('\n');
    this.open = false;
  }
}
