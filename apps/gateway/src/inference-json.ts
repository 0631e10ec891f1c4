import { invalidArgument } from '@millrace/kernel';
import { z } from 'zod';

const parameters = z.record(z.string(), z.unknown()).optional();

const tensor = z.object({
  name: z.string().min(1),
  shape: z.array(z.int().nonnegative()).min(1).max(8),
  datatype: z.string(),
  parameters,
  data: z.array(z.unknown()),
});

const request = z.object({
  id: z.string().max(200).optional(),
  parameters,
  inputs: z.array(tensor).min(1).max(10_000),
  outputs: z.array(z.object({ name: z.string(), parameters })).optional(),
});

/** The body of a REST inference request, checked. */
export type InferenceRequestJson = z.infer<typeof request>;

/** One tensor of it. */
export type TensorJson = z.infer<typeof tensor>;

/** Checks the body of a REST inference request. Throws INVALID_ARGUMENT `INFERENCE_REQUEST_INVALID` with every wrong field. */
export function parseInferenceRequest(body: unknown): InferenceRequestJson {
  const result = request.safeParse(body);
  if (result.success) return result.data;
  throw invalidArgument(
    'INFERENCE_REQUEST_INVALID',
    result.error.issues.map((issue) => ({
      field: issue.path.join('.') || 'body',
      reason: 'INFERENCE_REQUEST_INVALID',
      description: `${issue.message}. See the Open Inference Protocol for the form of the body.`,
    })),
  );
}
