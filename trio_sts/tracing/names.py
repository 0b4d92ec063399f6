"""The names of OpenTelemetry's conventions for generative AI, and a few of ours.

The conventions are in development, so the names are written here and not taken from a
package whose next version may have others. Source: semantic conventions for generative
AI, ``gen-ai-spans`` and ``gen-ai-agent-spans``, of 2026.
"""

from typing import Final

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
MODEL: Final = "gen_ai.request.model"
AGENT: Final = "gen_ai.agent.name"
AGENT_VERSION: Final = "gen_ai.agent.version"
CONVERSATION: Final = "gen_ai.conversation.id"
OUTPUT_TYPE: Final = "gen_ai.output.type"
RESPONSE_ID: Final = "gen_ai.response.id"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
FIRST_CHUNK_S: Final = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHED_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
TOOL_TYPE: Final = "gen_ai.tool.type"
TOOL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
ERROR_TYPE: Final = "error.type"
SERVER_ADDRESS: Final = "server.address"

# Values.
INVOKE_AGENT: Final = "invoke_agent"
CHAT: Final = "chat"
EXECUTE_TOOL: Final = "execute_tool"
SPEECH: Final = "speech"
FUNCTION: Final = "function"

# Ours: the conventions know no turns of speech and no calls.
OUTCOME: Final = "trio_sts.outcome"
CLOSE_CODE: Final = "trio_sts.close_code"
TURN: Final = "trio_sts.turn"
FIRST_AUDIO_S: Final = "trio_sts.first_audio_s"
KIND: Final = "trio_sts.kind"
COST_USD: Final = "trio_sts.cost_usd"
TOOL_OUTCOME: Final = "trio_sts.tool.outcome"
