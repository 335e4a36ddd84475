package engine_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/internal/engine"
)

func TestIDsThatAreValid(t *testing.T) {
	for _, tt := range []struct {
		id    string
		valid bool
	}{
		{`0`, true}, {`1`, true}, {`-1`, true}, {`1.5`, true}, {`1e3`, true}, {`-0`, true},
		{`9007199254740993`, true}, {`123456789012345678901234567890`, true}, {`1e308`, true},
		{`1e309`, false}, // JavaScript's Infinity: all such ids would be one
		{`-1e999`, false},
		{`""`, true}, {`"a"`, true}, {`"1"`, true}, {`"\u0041\ud83d\ude00"`, true},
		{`"\ud83d"`, false}, // a lone surrogate
		{`true`, false}, {`false`, false}, {`{}`, false}, {`[]`, false},
		{`"` + strings.Repeat("a", 1022) + `"`, true},
		{`"` + strings.Repeat("a", 1023) + `"`, false},
		{strings.Repeat("1", 300), true}, // written in full, still finite
	} {
		require.Equal(t, tt.valid, engine.ID(tt.id).Valid(), tt.id)
	}
}

func TestIDsAreComparedAsJavaScriptDoes(t *testing.T) {
	for _, same := range [][]string{
		{`1`, `1.0`, `1e0`, `10e-1`, `0.1e1`, `1.000`},
		{`0`, `-0`, `0.0`, `-0e5`, `0e99`},
		{`-7`, `-7.0`},
		{`1000`, `1e3`, `1E+3`},
		{`1.5`, `15e-1`},
		{`9007199254740992`, `9007199254740993`, `9.007199254740992e15`}, // no double lies between
		{`"a"`, `"\u0061"`},
		{`"/"`, `"\/"`},
	} {
		for _, id := range same {
			require.Equal(t, engine.ID(same[0]).Key(), engine.ID(id).Key(), "%s and %s", same[0], id)
		}
	}
	different := []string{`1`, `"1"`, `1.5`, `2`, `-1`, `0`, `""`, `"a"`, `"A"`, `"1.0"`, `"null"`, `9007199254740992`, `9007199254740994`, `999999999999999`, `1e21`}
	seen := map[engine.Key]string{}
	for _, id := range different {
		key := engine.ID(id).Key()
		require.NotContains(t, seen, key, "%s and %s", id, seen[key])
		seen[key] = id
	}
}
