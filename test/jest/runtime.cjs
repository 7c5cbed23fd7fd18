// Node itself loads what stands in node_modules, once for each worker; Jest loads the project's own modules anew for each file.
const { createRequire, isBuiltin } = require('node:module');
const { default: Runtime } = require('jest-runtime');

const OWN = /^(\.|\/|@atrium\/)/;

module.exports = class extends Runtime {
  requireModuleOrMock(from, name) {
    const isPackage = !OWN.test(name) && !isBuiltin(name) && name !== '@jest/globals';
    return isPackage ? createRequire(from)(name) : super.requireModuleOrMock(from, name);
  }
};
