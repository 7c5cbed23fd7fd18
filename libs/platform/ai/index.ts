export { type Embedder, EmbeddingFailure, type EmbeddingPurpose, type EmbeddingSpace } from './embedder.js';
export { Embeddings } from './embeddings.js';
export { EndpointEmbedder } from './endpoint.embedder.js';
export { EmbedderFolderBroken, OnnxEmbedder } from './onnx.embedder.js';
export { ModelGateway } from './model.gateway.js';
export { estimatedTokens } from './token-estimate.js';
export type {
  ModelCall,
  ModelDelta,
  ModelFinish,
  ModelMessage,
  ModelOptions,
  ModelRequest,
  ModelTool,
  ModelUsage,
} from './model-options.js';
