import { GRPCInferenceService } from '@millrace/contracts/inference/inference';
import type { RawMethod, ServiceRegistration } from '@millrace/rpc';
import { implement } from '@millrace/rpc';
import type { InferRequest, InferResponse } from './codec/messages.ts';
import { readInferRequest } from './codec/read-request.ts';
import { writeInferResponse } from './codec/write-response.ts';
import type { EndpointSet } from './endpoint-set.ts';
import { signatureOf } from './translate.ts';

/** The methods of the Open Inference Protocol that need no codec of their own. */
export function inferenceService(endpoints: EndpointSet, version: string): ServiceRegistration {
  const isReady = (name: string, wanted: string) => {
    const { model } = endpoints.forModel(name);
    return model !== undefined && (wanted === '' || wanted === model.versionNumber);
  };
  return implement(GRPCInferenceService, {
    serverLive: () => ({ live: true }),
    serverReady: () => ({ ready: [...endpoints.all()].every(({ model }) => model !== undefined) }),
    modelReady: ({ name, version: wanted }) => ({ ready: isReady(name, wanted) }),
    serverMetadata: () => ({ name: 'millrace', version, extensions: ['parameters'] }),
    modelMetadata({ name }) {
      const { model } = endpoints.forModel(name);
      if (!model) return { name };
      const { inputs = [], outputs = [] } = signatureOf(model.plan);
      const tensors = (specs: typeof inputs) =>
        specs.map(({ name: tensor = '', datatype = '', shape = [] }) => ({ name: tensor, datatype, shape }));
      return {
        name,
        versions: [model.versionNumber],
        platform: 'onnxruntime_onnx',
        inputs: tensors(inputs),
        outputs: tensors(outputs),
      };
    },
  });
}

/** `ModelInfer` with its own codec. */
export function modelInferMethod(endpoints: EndpointSet): RawMethod {
  const method: RawMethod<InferRequest, InferResponse> = {
    path: '/inference.GRPCInferenceService/ModelInfer',
    deserialize: readInferRequest,
    serialize: writeInferResponse,
    handle: (request, context) => endpoints.forModel(request.modelName).infer(request, context),
  };
  return method as RawMethod;
}
