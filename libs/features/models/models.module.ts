import { Module } from '@nestjs/common';
import { BudgetRepository } from './budget.repository.js';
import { ModelBudgetsController } from './budgets.controller.js';
import { BudgetsQueries } from './budgets.queries.js';
import { BudgetsService } from './budgets.service.js';
import { CallRepository } from './call.repository.js';
import { Ledger } from './ledger.js';
import { Models } from './models.service.js';
import { ProviderKeys } from './provider-keys.js';
import { ProviderTests } from './provider-tests.js';
import { ProviderRepository } from './provider.repository.js';
import { ModelProvidersController } from './providers.controller.js';
import { ProvidersQueries } from './providers.queries.js';
import { ProvidersService } from './providers.service.js';
import { Routes } from './routes.js';
import { SpendingRepository } from './spending.repository.js';
import { ModelUsageController } from './usage.controller.js';
import { UsageQueries } from './usage.queries.js';

/** Which models an organization has, and what they may cost. */
@Module({
  controllers: [ModelProvidersController, ModelBudgetsController, ModelUsageController],
  providers: [
    ProviderRepository,
    ProviderKeys,
    ProvidersService,
    ProvidersQueries,
    ProviderTests,
    Routes,
    BudgetRepository,
    SpendingRepository,
    CallRepository,
    Ledger,
    BudgetsService,
    BudgetsQueries,
    UsageQueries,
    Models,
  ],
  exports: [Models],
})
export class ModelsModule {}
