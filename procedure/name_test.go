package procedure_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
)

func TestCheckName(t *testing.T) {
	for _, name := range []string{
		"a", "A", "_", "__", "_1", "room.find", "a.b.c.d", "Room_2.findAll9", "a._.b",
		"thens", "Then", "call_", "applyAll", "a.thenCall", "toString", "constructor", // only the three are out of reach
		strings.Repeat("a", 128),
		strings.Repeat("a.", 63) + "aa",
	} {
		require.NoError(t, procedure.CheckName(name), "%q", name)
	}
	for _, tt := range []struct{ name, why string }{
		{"", "empty segment"},
		{".", "empty segment"},
		{".a", "empty segment"},
		{"a.", "empty segment"},
		{"a..b", "empty segment"},
		{"1", "'1' may not stand at 0"},
		{"a.2b", "'2' may not stand at 0"},
		{"a b", "' ' may not"},
		{" a", "' ' may not"},
		{"a\n", `'\n' may not stand at 1`},
		{"a\x00", `'\x00' may not`},
		{"a/b", "'/' may not"},
		{"a-b", "'-' may not"},
		{"a$", "'$' may not"},
		{"a%2eb", "'%' may not"},
		{`a"b`, `'"' may not`},
		{"a:b", "':' may not"},
		{"a@", "'@' may not"}, // beside the letters
		{"a[", "'[' may not"},
		{"a`", "'`' may not"},
		{"a{", "'{' may not"},
		{"ａ", `'\uff41' may not`},      // fullwidth
		{"rооm", `'\u043e' may not`},   // Cyrillic
		{"a․b", `'\u2024' may not`},    // one dot leader
		{"a。b", `'\u3002' may not`},    // ideographic full stop
		{"cafe\u0301", `'\u0301' may`}, // combining
		{"a\u200bb", `'\u200b' may`},   // zero width
		{"aı", `'\u0131' may not`},     // dotless, upper case is I
		{"ſet", `'\u017f' may not`},    // long s, folds to s
		{"a٣", `'\u0663' may not`},     // a digit elsewhere
		{"a\xff", `'\ufffd' may not stand at 1`},
		{"then", `the segment "then"`},
		{"call", `the segment "call"`},
		{"apply", `the segment "apply"`},
		{"then.a", `the segment "then"`},
		{"a.call", `the segment "call"`},
		{"a.apply.b", `the segment "apply"`},
		{strings.Repeat("a", 129), "longer than 128 bytes"},
		{strings.Repeat("a.", 64) + "a", "longer than 128 bytes"},
		{strings.Repeat("é", 65), "longer than 128 bytes"},
	} {
		err := procedure.CheckName(tt.name)
		require.ErrorContains(t, err, tt.why, "%q", tt.name)
		require.ErrorContains(t, err, "procedure name")
		require.Less(t, len(err.Error()), 600, "it goes into logs")
	}
}

// A name that is accepted is spelt as every part of the server sees it:
// accepted is what the rule says, and there is nothing to clean up.
func FuzzCheckName(f *testing.F) {
	for _, name := range []string{
		"a", "room.find", "a..b", "then", "a.call.b", "_9", "9", "", ".", "rооm", "a\n", "a%2e", "A.b ", "\xff",
		strings.Repeat("a", 128), strings.Repeat("a", 129), strings.Repeat("a.", 64), strings.Repeat("then.", 20) + "then",
	} {
		f.Add(name)
	}
	rule := regexp.MustCompile(`\A[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*\z`)
	f.Fuzz(func(t *testing.T, name string) {
		legal := len(name) <= 128 && rule.MatchString(name)
		for _, unreachable := range []string{"then", "call", "apply"} {
			legal = legal && !slices.Contains(strings.Split(name, "."), unreachable)
		}
		if err := procedure.CheckName(name); (err == nil) != legal {
			t.Errorf("CheckName(%q) = %v, legal is %t", name, err, legal)
		}
		// The procedure and what reaches it keep the spelling.
		p := procedure.Query[int, int](name).Func(func(_ context.Context, n int) (int, error) { return n, nil })
		if p.Name != name || (p.Check() == nil) != legal {
			t.Errorf("%q became %q: %v", name, p.Name, p.Check())
		}
		var asked string
		h := procedure.HandlerFunc(func(_ context.Context, req *procedure.Request, reply procedure.Reply) error {
			asked = req.Name
			return reply(procedure.Message{Body: req.Input})
		})
		if _, err := procedure.Query[int, int](name).Call(t.Context(), h, 1); err != nil || asked != name {
			t.Errorf("%q was asked for as %q: %v", name, asked, err)
		}
	})
}

// Under a prefix the constants of a contract package reach what was mounted.
func TestPrefix(t *testing.T) {
	var asked []string
	h := procedure.HandlerFunc(func(_ context.Context, req *procedure.Request, reply procedure.Reply) error {
		asked = append(asked, req.Name)
		require.Equal(t, "7", req.After)
		return reply(procedure.Message{Body: req.Input})
	})
	req := &procedure.Request{Name: "add", Kind: procedure.KindMutation, After: "7", Input: procedure.Value(5)}
	var got procedure.Message
	keep := func(m procedure.Message) error { got = m; return nil }

	require.NoError(t, procedure.Prefix("billing", h).ServeRPC(t.Context(), req, keep))
	require.Equal(t, procedure.Value(5), got.Body)
	require.NoError(t, procedure.Prefix("shop.v2", procedure.Prefix("billing", h)).ServeRPC(t.Context(), req, keep))
	require.Equal(t, []string{"billing.add", "billing.shop.v2.add"}, asked)
	require.Equal(t, "add", req.Name, "the caller's request stays as it is")

	for _, bad := range []string{"", "a.", "a b", "then"} {
		require.PanicsWithValue(t, "procedure.Prefix: "+procedure.CheckName(bad).Error(), func() { procedure.Prefix(bad, h) })
	}
}
