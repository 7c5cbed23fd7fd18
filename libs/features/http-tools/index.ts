export { HttpToolsModule } from './http-tools.module.js';
