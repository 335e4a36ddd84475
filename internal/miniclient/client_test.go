package miniclient_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/internal/miniclient"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	double procedure.Query[int, int]                = "double"
	hang   procedure.Query[struct{}, struct{}]      = "hang"
	count  procedure.Subscription[int, int]         = "count"
	named  procedure.Subscription[struct{}, string] = "named"
)

// dial serves r and connects to it.
func dial(t *testing.T, r *router.Router) *miniclient.Client {
	s := transport.NewServer(r, nil)
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		s.Shutdown(context.Background())
		web.Close()
	})
	c, err := miniclient.Dial(t.Context(), "ws"+strings.TrimPrefix(web.URL, "http"), nil)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func TestCalls(t *testing.T) {
	r := router.New()
	r.Handle(double.Func(func(_ context.Context, n int) (int, error) {
		if n < 0 {
			return 0, procedure.Errorf(procedure.CodeConflict, "negative")
		}
		return 2 * n, nil
	}))
	c := dial(t, r)
	n, err := double.Call(t.Context(), c, 21)
	require.NoError(t, err)
	require.Equal(t, 42, n)

	_, err = double.Call(t.Context(), c, -1)
	require.ErrorIs(t, err, procedure.CodeConflict)
	require.EqualError(t, err, "CONFLICT: negative")
}

func TestStreams(t *testing.T) {
	r := router.New()
	stopped := make(chan struct{})
	r.Handle(
		count.Func(func(ctx context.Context, n int, out *procedure.Stream[int]) error {
			for i := range n {
				if err := out.Send(i); err != nil {
					return err
				}
			}
			return nil
		}),
		named.Func(func(ctx context.Context, _ struct{}, out *procedure.Stream[string]) error {
			defer close(stopped)
			if err := out.SendTracked("after "+out.After(), "item"); err != nil {
				return err
			}
			<-ctx.Done()
			return ctx.Err()
		}),
	)
	c := dial(t, r)
	var got []int
	for n, err := range count.Subscribe(t.Context(), c, 3) {
		require.NoError(t, err)
		got = append(got, n)
	}
	require.Equal(t, []int{0, 1, 2}, got)

	for item, err := range named.Resume(t.Context(), c, struct{}{}, "seven") {
		require.NoError(t, err)
		require.Equal(t, procedure.Tracked[string]{ID: "after seven", Data: "item"}, item)
		break
	}
	<-stopped // leaving the loop told the server
}

func TestCloseFailsWhatIsInFlight(t *testing.T) {
	r := router.New()
	entered := make(chan struct{})
	r.Handle(hang.Func(func(ctx context.Context, _ struct{}) (struct{}, error) {
		close(entered)
		<-ctx.Done()
		return struct{}{}, ctx.Err()
	}))
	c := dial(t, r)
	failed := make(chan error)
	go func() { // ends with the call
		_, err := hang.Call(context.Background(), c, struct{}{})
		failed <- err
	}()
	<-entered
	c.Close()
	require.ErrorContains(t, <-failed, "connection lost")
}
