package pubsub_test

import (
	"context"
	"flag"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/pubsub"
)

func TestMain(m *testing.M) {
	flag.Set("rapid.nofailfile", "true") // a failure prints its seed, and leaves the tree as it is
	goleak.VerifyTestMain(m)
}

// A reader is a subscription inside a synctest bubble. Its fields may be read
// after synctest.Wait.
type reader struct {
	started bool
	ids     []string
	items   []procedure.Body
	ended   bool
	err     error // why

	hold   chan struct{} // not nil: each reply takes one out
	cancel context.CancelFunc
}

// subscribe starts a reader of h that is as far as it gets by itself.
func subscribe(t *testing.T, h procedure.Handler, after string) *reader {
	r := &reader{}
	r.run(t.Context(), h, after)
	return r
}

// subscribeSlow starts a reader that takes one item each time it is allowed to.
func subscribeSlow(ctx context.Context, h procedure.Handler, after string) *reader {
	r := &reader{hold: make(chan struct{})}
	r.run(ctx, h, after)
	return r
}

func (r *reader) run(ctx context.Context, h procedure.Handler, after string) {
	ctx, r.cancel = context.WithCancel(ctx)
	go func() { // ends with ctx at the latest
		r.err = h.ServeRPC(ctx, &procedure.Request{Name: "ticks", Kind: procedure.KindSubscription, After: after}, func(m procedure.Message) error {
			if m.Type == procedure.TypeStarted {
				r.started = true
				return nil
			}
			if r.hold != nil {
				select {
				case <-r.hold:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			r.ids = append(r.ids, m.ID)
			r.items = append(r.items, m.Body)
			return nil
		})
		r.ended = true
	}()
	synctest.Wait()
}

// allow lets a slow reader take n items, as far as it comes.
func (r *reader) allow(n int) {
	for i := 0; i < n && !r.ended; i++ {
		r.hold <- struct{}{}
		synctest.Wait()
	}
}

// read returns what r has read.
func read[T any](t require.TestingT, r *reader) []T {
	values := make([]T, len(r.items))
	for i, b := range r.items {
		v, err := procedure.Decode[T](b)
		require.NoError(t, err)
		values[i] = v
	}
	return values
}

// replay returns what a topic still has after a position, or the error of
// asking for it.
func replay[T any](t *testing.T, topic *pubsub.Topic[T], after string) ([]T, error) {
	r := subscribe(t, topic, after)
	defer func() {
		r.cancel()
		synctest.Wait()
	}()
	if r.ended {
		return read[T](t, r), r.err
	}
	return read[T](t, r), nil
}

// publish publishes values and returns the position after each.
func publish[T any](t require.TestingT, topic *pubsub.Topic[T], values ...T) (positions []string) {
	for _, v := range values {
		require.NoError(t, topic.Publish(context.Background(), v))
		positions = append(positions, topic.Position())
	}
	return positions
}

// requireGap checks that err is the gap.
func requireGap(t require.TestingT, err error, from, to string) {
	var gap *procedure.Gap
	require.ErrorAs(t, err, &gap)
	require.Equal(t, procedure.Gap{From: from, To: to}, *gap)
	require.ErrorIs(t, err, procedure.CodePreconditionFailed)
}
