package procedure_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
)

// Where no function was given is found at the start and not at the first call.
func TestCheckFindsMissingFunctions(t *testing.T) {
	for _, p := range []procedure.Procedure{
		{Name: "a.b"},
		procedure.Query[int, int]("a.b").Func(nil),
		procedure.Mutation[int, int]("a.b").Func(nil),
		procedure.Subscription[int, int]("a.b").Func(nil),
		procedure.Subscription[int, int]("a.b").From(nil),
	} {
		const want = `procedure "a.b" was not made by Func or From, or of nil`
		require.EqualError(t, p.Check(), want)
		require.EqualError(t, p.With(procedure.Options{MaxInput: 1}).Check(), want)
	}
}

// An error that a procedure had from another server is hidden before anything
// outside can relay it.
func TestProcedureHidesErrorsOfOtherServers(t *testing.T) {
	theirs := procedure.Received(&procedure.Error{Code: procedure.CodeNotFound, Message: "their text", LogID: "theirs"})
	for name, tt := range map[string]struct {
		returned error
		hidden   bool
	}{
		"as it is":   {theirs, true},
		"relayed":    {procedure.Relay(theirs), false},
		"translated": {procedure.Errorf(procedure.CodeNotFound, "our text: %w", theirs), false},
		"its own":    {procedure.CodeNotFound, false},
	} {
		p := procedure.Query[int, int]("q").Func(func(context.Context, int) (int, error) { return 0, tt.returned })
		_, err := ask(t.Context(), p, `1`)
		e, fresh := procedure.Outgoing(procedure.Relay(err))
		require.Equal(t, tt.hidden, fresh, name)
		if !tt.hidden {
			require.Equal(t, procedure.CodeNotFound, e.Code, name)
			continue
		}
		require.Equal(t, procedure.CodeInternalServerError, e.Code)
		require.NotContains(t, e.Message, "their text")
		require.NotEqual(t, "theirs", e.LogID)
		require.ErrorContains(t, e.Cause(), "their text", "the log tells")
	}
}

// Chain embeds a pointer to itself, as only a generated type would.
type Chain struct {
	*Chain
	Name string `json:"name"`
}

func TestLintOfAStructInsideItself(t *testing.T) {
	p := echoes[Chain]()
	require.NoError(t, p.Check())
	require.Empty(t, p.Lint())
}
