package engine

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// strict reports whether value, of which the grammar is known to be right,
// also is what the strict library accepts: no duplicate members, no lone
// surrogates.
func strict(value []byte) bool {
	if bytes.IndexByte(value, '{') < 0 && bytes.IndexByte(value, '\\') < 0 {
		return true
	}
	return jsontext.Value(value).IsValid()
}

// unquote returns the text of a JSON string of which the grammar is known to
// be right, false if it holds a lone surrogate.
func unquote(quoted []byte) ([]byte, bool) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1], true
	}
	text, err := jsontext.AppendUnquote(nil, quoted)
	return text, err == nil
}

// appendQuoted appends s as a JSON string. What is not UTF-8 in it becomes
// U+FFFD.
func appendQuoted(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x80 {
			quoted, _ := jsontext.AppendQuote(dst, s) // its error only tells of bytes it has replaced
			return quoted
		}
	}
	return append(append(append(dst, '"'), s...), '"')
}
