package engine_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/internal/engine"
)

// skip reads one value and reports whether it is all there is.
func skip(text string, maxDepth int) (whole, deep, nul bool) {
	end, deep, nul := engine.SkipValue([]byte(text), 0, maxDepth)
	return end == len(text), deep, nul
}

func TestSkipValueTakesTheGrammar(t *testing.T) {
	for _, text := range []string{
		`null`, `true`, `false`,
		`0`, `-0`, `12`, `-12.5`, `1e9`, `1E+9`, `0.5e-3`,
		`""`, `"a"`, `"\"\\\/\b\f\n\r\t"`, `"\u00e9\uD83D\uDE00"`, `"é"`, "\"\u007f\"",
		`[]`, `[ ]`, `[1]`, `[1, 2 ,3]`, `[[],[[]]]`,
		`{}`, `{ }`, `{"a":1}`, `{ "a" : { "b" : [ 1 , {} ] } , "c" : null }`,
		"[\n\t1\r]",
	} {
		whole, deep, nul := skip(text, 128)
		require.True(t, whole, text)
		require.False(t, deep || nul, text)
	}
}

func TestSkipValueRefusesWhatIsNoJSON(t *testing.T) {
	for _, text := range []string{
		``, ` `, `nul`, `nulll`, `True`, `NaN`, `Infinity`, `undefined`,
		`01`, `-`, `+1`, `.5`, `1.`, `1e`, `1e+`, `0x1`, `1_000`, `--1`,
		`"`, `"a`, `"\`, `"\x"`, `"\u12"`, `"\u12g4"`, "\"\n\"", "\"\x00\"", `'a'`,
		`[`, `]`, `[1`, `[1,`, `[1,]`, `[,1]`, `[1 2]`, `[1}`,
		`{`, `}`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{,}`, `{a:1}`, `{1:1}`, `{"a" 1}`, `{"a":1]`, `{"a":1 "b":2}`,
		"[1,\v2]", "[1,\u00a02]",
	} {
		whole, _, _ := skip(text, 128)
		require.False(t, whole, text)
	}
}

func TestSkipValueNotesFaultsAndReadsOn(t *testing.T) {
	const maxDepth = 4
	for _, tt := range []struct {
		text      string
		deep, nul bool
	}{
		{`[[[[]]]]`, false, false},
		{`[[[[1]]]]`, false, false},
		{`[[[[[]]]]]`, true, false},
		{`{"a":{"a":{"a":{"a":{}}}}}`, true, false},
		{`[[[[]]],[[[]]],[[[[]]]]]`, true, false},
		{`{"\u0000":1}`, false, true},
		{`{"a\u0000b":1}`, false, true},
		{`{"a":"\u0000"}`, false, false}, // a value may hold it
		{`[{"b":{"\u0000":1}}]`, false, true},
		{`[[[[[{"\u0000":1}]]]]]`, true, true},
	} {
		whole, deep, nul := skip(tt.text, maxDepth)
		require.True(t, whole, tt.text)
		require.Equal(t, tt.deep, deep, tt.text)
		require.Equal(t, tt.nul, nul, tt.text)
	}
}

// Depth costs a bit a level: no text can exhaust the stack.
func TestSkipValueHasNoRecursion(t *testing.T) {
	const depth = 1 << 20
	for _, pair := range []string{"[]", `{"a":}`} {
		opening, closing := pair[:len(pair)-1], pair[len(pair)-1:]
		text := strings.Repeat(opening, depth) + "1" + strings.Repeat(closing, depth)
		whole, deep, _ := skip(text, 128)
		require.True(t, whole)
		require.True(t, deep)
		whole, _, _ = skip(text[:len(text)-1], 128)
		require.False(t, whole, "one closing bracket is missing")
	}
}

// Which container is open has to be known at any depth, where the memory of it
// changes its form, too.
func TestSkipValueTellsContainersApartAtEveryDepth(t *testing.T) {
	for depth := range 600 {
		var open, shut strings.Builder
		for i := range depth {
			if i%3 == 0 {
				open.WriteString(`{"a":`)
			} else {
				open.WriteString(`[`)
			}
		}
		for i := depth - 1; i >= 0; i-- {
			if i%3 == 0 {
				shut.WriteString(`}`)
			} else {
				shut.WriteString(`]`)
			}
		}
		whole, _, _ := skip(open.String()+"1"+shut.String(), 1000)
		require.True(t, whole, depth)
		swapped := strings.NewReplacer("}", "]", "]", "}").Replace(shut.String())
		whole, _, _ = skip(open.String()+"1"+swapped, 1000)
		require.Equal(t, depth == 0, whole, depth)
	}
}

func TestStrict(t *testing.T) {
	for _, tt := range []struct {
		text string
		want bool
	}{
		{`1`, true},
		{`{"a":1,"b":1}`, true},
		{`{"a":1,"a":1}`, false},
		{`{"a":1,"\u0061":1}`, false},
		{`[{"a":{"b":1,"b":2}}]`, false},
		{`"\ud83d\ude00"`, true},
		{`"\ud83d"`, false},
		{`"\ude00"`, false},
	} {
		require.Equal(t, tt.want, engine.Strict([]byte(tt.text)), tt.text)
	}
}
