// Loaded before a program that is measured: a signal makes it collect its garbage.
process.on('SIGUSR2', () => globalThis.gc?.());
