import { defineConfig } from 'prisma/config';

export default defineConfig({
  schema: 'prisma',
  migrations: { path: 'prisma/migrations' },
  datasource: { url: process.env['DATABASE_ADMIN_URL'] ?? process.env['DATABASE_URL'] ?? 'postgresql://127.0.0.1/atrium' },
});
