//! Spans of JSON tokens, so that one token can be replaced and every other byte stays.
