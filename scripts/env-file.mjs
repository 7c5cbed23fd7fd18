// Takes settings from a .env in the folder of the command. What the environment says goes before it.
import { existsSync } from 'node:fs';

if (existsSync('.env')) process.loadEnvFile('.env');
