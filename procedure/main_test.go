package procedure_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/procedure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// coded is h behind the codec: what goes in and comes out are bytes, as over a
// connection.
func coded(t require.TestingT, h procedure.Handler) procedure.Handler {
	bytes := func(b procedure.Body) procedure.Body {
		raw, err := b.Append(nil, procedure.JSON)
		require.NoError(t, err)
		if raw == nil {
			return procedure.Body{}
		}
		return procedure.Encoded(raw, procedure.JSON)
	}
	return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
		own := *req
		own.Input = bytes(req.Input)
		return h.ServeRPC(ctx, &own, func(m procedure.Message) error {
			m.Body = bytes(m.Body)
			return reply(m)
		})
	})
}

// ask has h answer a query whose input is as written, "" for none.
func ask(ctx context.Context, h procedure.Handler, input string) (output string, err error) {
	req := &procedure.Request{Name: "q", Kind: procedure.KindQuery}
	if input != "" {
		req.Input = procedure.Encoded([]byte(input), procedure.JSON)
	}
	err = h.ServeRPC(ctx, req, func(m procedure.Message) error {
		raw, err := m.Body.Append(nil, procedure.JSON)
		output = string(raw)
		return err
	})
	return output, err
}

// echoes is a query that answers with its input.
func echoes[T any]() procedure.Procedure {
	return procedure.Query[T, T]("q").Func(func(_ context.Context, in T) (T, error) { return in, nil })
}
