package pubsub_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/go-playground/validator/v10"
	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/pubsub"
	"github.com/zapsocket/zapsocket/router"
)

func TestSubscribersGetWhatIsPublishedFromNowOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := pubsub.NewTopic[int](nil)
		publish(t, topic, 1)
		first := subscribe(t, topic, "")
		require.True(t, first.started, "before there is an item")
		require.Equal(t, 1, topic.Subscribers())
		two := publish(t, topic, 2)[0]
		second := subscribe(t, topic, "")
		require.Equal(t, 2, topic.Subscribers())
		three := publish(t, topic, 3)[0]
		synctest.Wait()

		require.Equal(t, []int{2, 3}, read[int](t, first))
		require.Equal(t, []string{two, three}, first.ids)
		require.Equal(t, []int{3}, read[int](t, second))

		first.cancel()
		synctest.Wait()
		require.ErrorIs(t, first.err, context.Canceled)
		require.Equal(t, 1, topic.Subscribers())
		second.cancel()
		synctest.Wait()
		require.Zero(t, topic.Subscribers())
	})
}

// What is published while the subscriber is told that it has started is not
// missed.
func TestNothingIsMissedAfterStarted(t *testing.T) {
	topic := pubsub.NewTopic[int](nil)
	var got []procedure.Body
	err := topic.ServeRPC(t.Context(), &procedure.Request{}, func(m procedure.Message) error {
		if m.Type == procedure.TypeStarted {
			require.Equal(t, procedure.OverflowBlock, m.Overflow)
			require.Equal(t, 1, topic.Subscribers())
			publish(t, topic, 1, 2)
			topic.Close()
			return nil
		}
		got = append(got, m.Body)
		return nil
	})
	require.NoError(t, err)
	require.Len(t, got, 2)
}

func TestSubscriberThatIsGone(t *testing.T) {
	topic := pubsub.NewTopic[int](nil)
	after := topic.Position()
	publish(t, topic, 1, 2, 3)
	gone := procedure.Errorf(procedure.CodeClientClosedRequest, "gone")
	for _, leaveAt := range []int{0, 1, 3} {
		replies := 0
		err := topic.ServeRPC(t.Context(), &procedure.Request{After: after}, func(procedure.Message) error {
			if replies == leaveAt {
				return gone
			}
			replies++
			return nil
		})
		require.ErrorIs(t, err, gone)
		require.Equal(t, leaveAt, replies)
		require.Zero(t, topic.Subscribers())
	}
}

// A context that ends stops a replay too, even if replies still get through.
func TestContextEndsReplay(t *testing.T) {
	topic := pubsub.NewTopic[int](nil)
	after := topic.Position()
	publish(t, topic, 1, 2, 3)
	ctx, cancel := context.WithCancel(t.Context())
	items := 0
	err := topic.ServeRPC(ctx, &procedure.Request{After: after}, func(m procedure.Message) error {
		if m.Type == procedure.TypeData {
			items++
			cancel()
		}
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, items)
}

// All subscribers get the same bytes: an item is encoded once.
func TestItemsAreEncodedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		encoded := 0
		topic := pubsub.NewTopic[counted](nil)
		readers := []*reader{subscribe(t, topic, ""), subscribe(t, topic, ""), subscribe(t, topic, "")}
		publish(t, topic, counted{&encoded})
		synctest.Wait()
		require.Equal(t, 1, encoded)
		first, _ := readers[0].items[0].Bytes()
		require.Equal(t, `"counted"`, string(first))
		for _, r := range readers {
			raw, _ := r.items[0].Bytes()
			require.Same(t, &first[0], &raw[0])
		}
	})
}

// counted counts how often it is encoded.
type counted struct{ n *int }

func (c counted) MarshalText() ([]byte, error) {
	*c.n++
	return []byte("counted"), nil
}

// Whoever publishes may go on to change what it has published.
func TestItemsAreCopies(t *testing.T) {
	topic := pubsub.NewTopic[[]int](nil)
	after := topic.Position()
	mine := []int{1, 2}
	publish(t, topic, mine)
	mine[0] = 9
	topic.Close()
	for item, err := range procedure.Subscription[struct{}, []int]("x").Resume(t.Context(), topic, struct{}{}, after) {
		require.NoError(t, err)
		require.Equal(t, []int{1, 2}, item.Data)
		item.Data[1] = 9
	}
	for item := range procedure.Subscription[struct{}, []int]("x").Resume(t.Context(), topic, struct{}{}, after) {
		require.Equal(t, []int{1, 2}, item.Data, "what another subscriber did to its copy")
	}
}

func TestItemsWithoutAValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		none := pubsub.NewTopic[struct{}](nil)
		r := subscribe(t, none, "")
		null := pubsub.NewTopic[*int](nil)
		s := subscribe(t, null, "")
		publish(t, none, struct{}{})
		publish(t, null, nil)
		synctest.Wait()
		require.True(t, r.items[0].Absent())
		raw, _ := s.items[0].Bytes()
		require.Equal(t, "null", string(raw))
	})
}

type notice struct {
	Text string `json:"text" validate:"min=2"`
}

// What cannot be published is told to the publisher, and reaches nobody.
func TestPublishErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notices := pubsub.NewTopic[notice](nil)
		r := subscribe(t, notices, "")
		before := notices.Position()
		err := notices.Publish(t.Context(), notice{"x"})
		require.ErrorIs(t, err, procedure.CodeBadRequest)
		require.Equal(t, []procedure.Field{{Path: "text", Rule: "min", Param: "2", Message: "text must be at least 2 characters in length"}}, procedure.AsError(err).Fields)

		values := pubsub.NewTopic[any](nil)
		s := subscribe(t, values, "")
		require.ErrorContains(t, values.Publish(t.Context(), make(chan int)), "chan int does not encode")
		synctest.Wait()

		require.Empty(t, r.items)
		require.Empty(t, s.items)
		require.Equal(t, before, notices.Position())
		require.Zero(t, values.Len())
		r.cancel()
		s.cancel()
	})
}

func TestTopicWithAValidatorOfItsOwn(t *testing.T) {
	type odd struct {
		N int `json:"n" validate:"odd"`
	}
	v := validator.New()
	require.NoError(t, v.RegisterValidation("odd", func(f validator.FieldLevel) bool { return f.Field().Int()%2 == 1 }))
	own, err := procedure.NewValidator(v, nil)
	require.NoError(t, err)

	topic := pubsub.NewTopic[odd](&pubsub.Options{Validator: own})
	require.NoError(t, topic.Publish(t.Context(), odd{3}))
	require.ErrorIs(t, topic.Publish(t.Context(), odd{4}), procedure.CodeBadRequest)
	require.PanicsWithValue(t, `pubsub: topic of pubsub_test.odd: procedure "topic": output: Undefined validation function 'odd' on field 'N'`,
		func() { pubsub.NewTopic[odd](nil) }, "found at the start, not at the first Publish")
}

func TestNewTopicPanicsForWhatHasNoEncoding(t *testing.T) {
	require.PanicsWithValue(t, `pubsub: topic of chan int: procedure "topic": output: type chan int has no encoding`,
		func() { pubsub.NewTopic[chan int](nil) })
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := pubsub.NewTopic[int](nil)
		start := topic.Position()
		parked := subscribe(t, topic, "")
		slow := subscribeSlow(t.Context(), topic, "")
		publish(t, topic, 1, 2, 3)
		synctest.Wait()

		topic.Close()
		topic.Close()
		require.ErrorIs(t, topic.Publish(t.Context(), 4), pubsub.ErrClosed)
		synctest.Wait()
		require.True(t, parked.ended)
		require.NoError(t, parked.err)
		require.Equal(t, []int{1, 2, 3}, read[int](t, parked))

		require.False(t, slow.ended, "it has not read all")
		slow.allow(3)
		require.True(t, slow.ended)
		require.NoError(t, slow.err)
		require.Equal(t, []int{1, 2, 3}, read[int](t, slow))

		late := subscribe(t, topic, "")
		require.True(t, late.started && late.ended)
		require.NoError(t, late.err)
		require.Empty(t, late.items)

		resumed, err := replay(t, topic, start)
		require.NoError(t, err)
		require.Equal(t, []int{1, 2, 3}, resumed)
		require.Equal(t, 3, topic.Len())
		require.Zero(t, topic.Subscribers())
	})
}

type ticksIn struct {
	Room        string  `json:"room" validate:"required"`
	LastEventID *string `json:"lastEventId,omitzero"`
}

// A contract that is bound with From decodes and validates the input first,
// resumes by what a stock client put into the input, and has its own policy.
func TestFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ticks procedure.Subscription[ticksIn, int] = "room.ticks"
		topic := pubsub.NewTopic[int](nil)
		positions := publish(t, topic, 1, 2, 3)
		r := router.New()
		r.Handle(ticks.From(topic).With(procedure.Options{Overflow: procedure.OverflowLatest}))

		serve := func(input string) (policy procedure.Overflow, got []int, err error) {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { // ends with ctx
				defer close(done)
				req := &procedure.Request{Name: string(ticks), Kind: procedure.KindSubscription, Input: procedure.Encoded([]byte(input), procedure.JSON)}
				err = r.ServeRPC(ctx, req, func(m procedure.Message) error {
					if m.Type == procedure.TypeStarted {
						policy = m.Overflow
						return nil
					}
					n, err := procedure.Decode[int](m.Body)
					got = append(got, n)
					return err
				})
			}()
			synctest.Wait()
			cancel()
			<-done
			return policy, got, err
		}

		policy, got, err := serve(`{}`)
		require.ErrorIs(t, err, procedure.CodeBadRequest)
		require.Zero(t, policy, "it has not started")
		require.Empty(t, got)

		policy, got, err = serve(`{"room":"a","lastEventId":"` + positions[0] + `"}`)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, procedure.OverflowLatest, policy)
		require.Equal(t, []int{2, 3}, got)
	})
}
