/* What a Realtime endpoint says of turns: each has a response, an item of the agent's and one of
 * the caller's, with the turn's number in their ids. Included by load.c behind say_text. */
#pragma once

static void say_response(Conn *endpoint, int turn) {
    char text[500];
    snprintf(text, sizeof text, "{\"type\":\"response.created\",\"event_id\":\"event_response\",\"response\":{\"object\":"
             "\"realtime.response\",\"id\":\"resp_load_%04d\",\"status\":\"in_progress\",\"output\":[]}}", turn);
    say_text(endpoint, text);
    snprintf(text, sizeof text, "{\"type\":\"response.output_item.added\",\"event_id\":\"event_item\",\"response_id\":"
             "\"resp_load_%04d\",\"output_index\":0,\"item\":{\"id\":\"item_load_%04d\",\"object\":\"realtime.item\","
             "\"type\":\"message\",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}}", turn, turn);
    say_text(endpoint, text);
}

static void say_response_done(Conn *endpoint, int turn) {
    char text[600];
    snprintf(text, sizeof text, "{\"type\":\"response.output_audio.done\",\"event_id\":\"event_audio_done\",\"response_id\":"
             "\"resp_load_%04d\",\"item_id\":\"item_load_%04d\",\"output_index\":0,\"content_index\":0}", turn, turn);
    say_text(endpoint, text);
    snprintf(text, sizeof text, "{\"type\":\"response.done\",\"event_id\":\"event_done\",\"response\":{\"object\":"
             "\"realtime.response\",\"id\":\"resp_load_%04d\",\"status\":\"completed\",\"output\":[{\"id\":\"item_load_%04d\","
             "\"object\":\"realtime.item\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":"
             "[{\"type\":\"output_audio\",\"transcript\":\"one two three\"}]}]}}", turn, turn);
    say_text(endpoint, text);
}

static void say_heard(Conn *endpoint, int turn, const char *what) { /* input_audio_buffer.* of the caller's turn */
    char text[300];
    snprintf(text, sizeof text, "{\"type\":\"input_audio_buffer.%s\",\"event_id\":\"event_heard\",\"item_id\":\"user_load_%04d\"}",
             what, turn);
    say_text(endpoint, text);
}

static void say_words(Conn *endpoint, int turn) {
    char text[400];
    snprintf(text, sizeof text, "{\"type\":\"conversation.item.input_audio_transcription.completed\",\"event_id\":"
             "\"event_words\",\"item_id\":\"user_load_%04d\",\"content_index\":0,\"transcript\":\"four five six\"}", turn);
    say_text(endpoint, text);
}
