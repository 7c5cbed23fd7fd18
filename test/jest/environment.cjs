// The files of a worker share its context, so that what a package makes has the same Error, Date and Uint8Array as the tests.
const vm = require('node:vm');
const { ModuleMocker } = require('jest-mock');

/** Stands for the worker's own context, for which node:vm has no name. */
const OWN = Object.freeze({});
const { compileFunction } = vm;
vm.compileFunction = (code, parameters, options) =>
  compileFunction(code, parameters, options?.parsingContext === OWN ? { ...options, parsingContext: undefined } : options);

module.exports = class {
  global = globalThis;
  moduleMocker = new ModuleMocker(globalThis);
  async setup() {}
  async teardown() {}
  exportConditions() {
    return ['require', 'node', 'node-addons'];
  }
  getVmContext() {
    return OWN;
  }
};
