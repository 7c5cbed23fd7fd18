export function randomOf(seed: number): () => number;
export function vectorsOf(seed: number, dimensions: number, stream: number): () => Float32Array;
