package procedure_test

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-playground/validator/v10"
	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
)

const alert procedure.Event[tag] = "alert"

// A board is an EventSource, and the Audience of all who listen to it.
type board struct {
	mu         sync.Mutex // guards all below
	binds      int
	types      map[string]reflect.Type
	validators map[string]*procedure.Validator
	listeners  map[chan procedure.Body]string // and the event they listen to
	pushed     []procedure.Body
	requests   []procedure.Request
}

func newBoard() *board {
	return &board{
		types:      map[string]reflect.Type{},
		validators: map[string]*procedure.Validator{},
		listeners:  map[chan procedure.Body]string{},
	}
}

func (b *board) BindEvent(name string, t reflect.Type, v *procedure.Validator) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.binds++
	if other, bound := b.types[name]; bound && other != t {
		panic(fmt.Sprintf("%s is bound with %v and %v", name, other, t))
	}
	b.types[name] = t
	if v != nil {
		b.validators[name] = v
	}
}

func (b *board) ServeRPC(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
	items := make(chan procedure.Body, 16)
	b.mu.Lock()
	b.listeners[items] = req.Name
	b.requests = append(b.requests, *req)
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.listeners, items)
	}()
	if err := reply(procedure.Message{Type: procedure.TypeStarted, Overflow: procedure.OverflowDropOldest}); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case body := <-items:
			if err := reply(procedure.Message{Body: body}); err != nil {
				return err
			}
		}
	}
}

func (b *board) PushEvent(_ context.Context, name string, body procedure.Body) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pushed = append(b.pushed, body)
	for items, event := range b.listeners {
		if event == name {
			items <- body
			n++
		}
	}
	return n
}

func (b *board) EventValidator(name string) *procedure.Validator {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.validators[name]
}

func (b *board) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.listeners)
}

func (b *board) Close(int, string) error { return nil }

// shown is h that tells through started when a subscription has started.
func shown(h procedure.Handler) (shown procedure.Handler, started chan struct{}) {
	started = make(chan struct{}, 16)
	return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
		return h.ServeRPC(ctx, req, func(m procedure.Message) error {
			if m.Type == procedure.TypeStarted {
				started <- struct{}{}
			}
			return reply(m)
		})
	}), started
}

func TestEventIsASubscriptionWithoutInput(t *testing.T) {
	b := newBoard()
	p := alert.From(b)
	require.Equal(t, "alert", p.Name)
	require.Equal(t, procedure.KindSubscription, p.Kind)
	require.True(t, p.Event)
	require.True(t, p.With(procedure.Options{Summary: "s"}).Event)
	require.Equal(t, reflect.TypeFor[struct{}](), p.In)
	require.Equal(t, reflect.TypeFor[tag](), p.Out)
	require.NoError(t, p.Check())
	require.Equal(t, map[string]reflect.Type{"alert": reflect.TypeFor[tag]()}, b.types)

	require.NotPanics(t, func() { alert.From(b) })
	require.Panics(t, func() { procedure.Event[base]("alert").From(b) }, "the source knows the name with another type")
	procedure.Event[any]("anything").From(b)
	require.Equal(t, reflect.TypeFor[any](), b.types["anything"])
	require.Error(t, procedure.Event[chan int]("chan").From(b).Check())
	require.Error(t, procedure.Event[int]("a..b").From(b).Check())
}

func TestPushReachesWhoListens(t *testing.T) {
	b := newBoard()
	h, started := shown(alert.From(b))
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			var got []tag
			for item, err := range alert.Listen(t.Context(), h) {
				if err != nil {
					t.Error(err)
				}
				if got = append(got, item); len(got) == 2 {
					break
				}
			}
			if want := []tag{{"go"}, {"rust"}}; !reflect.DeepEqual(want, got) {
				t.Errorf("heard %v", got)
			}
		})
	}
	for range 3 {
		<-started
	}
	for _, name := range []string{"go", "rust"} {
		n, err := alert.Push(t.Context(), b, tag{name})
		require.NoError(t, err)
		require.Equal(t, 3, n)
	}
	wg.Wait()
	require.Zero(t, b.Len(), "a loop that breaks listens no more")
	n, err := alert.Push(t.Context(), b, tag{"go"})
	require.NoError(t, err)
	require.Zero(t, n)
}

// counts counts how often it is encoded.
type counts struct{ n *atomic.Int64 }

func (c counts) MarshalJSON() ([]byte, error) { c.n.Add(1); return []byte(`"counted"`), nil }

func TestPushEncodesOnce(t *testing.T) {
	const event procedure.Event[counts] = "counts"
	b := newBoard()
	for range 3 {
		b.listeners[make(chan procedure.Body, 1)] = "counts"
	}
	v := counts{new(atomic.Int64)}
	n, err := event.Push(t.Context(), b, v)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	for items := range b.listeners {
		raw, encoded := (<-items).Bytes()
		require.True(t, encoded)
		require.Equal(t, `"counted"`, string(raw))
	}
	require.EqualValues(t, 1, v.n.Load())
}

func TestPushOfWhatIsNoObject(t *testing.T) {
	b := newBoard()
	push := func(_ int, err error) procedure.Body {
		require.NoError(t, err)
		return b.pushed[len(b.pushed)-1]
	}
	require.True(t, push(procedure.Event[struct{}]("none").Push(t.Context(), b, struct{}{})).Absent())
	for want, got := range map[string]procedure.Body{
		`null`: push(procedure.Event[any]("any").Push(t.Context(), b, nil)),
		`5`:    push(procedure.Event[int]("int").Push(t.Context(), b, 5)),
		`[]`:   push(procedure.Event[[]int]("ints").Push(t.Context(), b, nil)),
	} {
		raw, encoded := got.Bytes()
		require.True(t, encoded)
		require.Equal(t, want, string(raw))
	}
	got := push(procedure.Event[*tag]("tag").Push(t.Context(), b, nil))
	v, err := procedure.Decode[*tag](got)
	require.NoError(t, err)
	require.Nil(t, v)
}

// What cannot be sent is told to whoever pushes it, and reaches nobody.
func TestPushFails(t *testing.T) {
	b := newBoard()
	for range 2 { // what is known of the type does not change that
		n, err := alert.Push(t.Context(), b, tag{"x"})
		require.Zero(t, n)
		require.ErrorIs(t, err, procedure.CodeInternalServerError)
		require.ErrorContains(t, err, "alert: output validation failed")
		require.ErrorContains(t, err, "name must be at least 2 characters")
	}
	_, err := procedure.Event[*tag]("ptr").Push(t.Context(), b, &tag{"x"})
	require.ErrorContains(t, err, "output validation failed")
	_, err = procedure.Event[[]tag]("list").Push(t.Context(), b, []tag{{"x"}})
	require.ErrorContains(t, err, "output validation failed")
	_, err = procedure.Event[chan int]("chan").Push(t.Context(), b, nil)
	require.Error(t, err)
	require.Empty(t, b.pushed)
}

// The Validator that a router gives to the procedure reaches the source, and
// from there each push.
func TestPushUsesTheRoutersValidator(t *testing.T) {
	type shout struct {
		Text string `json:"text" validate:"shout"`
	}
	const event procedure.Event[shout] = "shout"
	v := validator.New()
	require.NoError(t, v.RegisterValidation("shout", func(f validator.FieldLevel) bool {
		return f.Field().String() == strings.ToUpper(f.Field().String())
	}))
	own, err := procedure.NewValidator(v, nil)
	require.NoError(t, err)

	b := newBoard()
	p := event.From(b)
	require.ErrorContains(t, p.Check(), "shout", "the default one does not know the tag")
	require.Nil(t, b.EventValidator("shout"))
	p.With(procedure.Options{Summary: "s"})
	require.Nil(t, b.EventValidator("shout"))
	require.Equal(t, 1, b.binds, "there is nothing new to tell")
	p = p.With(procedure.Options{Validator: own})
	require.Same(t, own, b.EventValidator("shout"))
	require.NoError(t, p.Check())

	_, err = event.Push(t.Context(), b, shout{"hey"})
	require.ErrorContains(t, err, "output validation failed")
	_, err = event.Push(t.Context(), b, shout{"HEY"})
	require.NoError(t, err)
}

func TestListenFails(t *testing.T) {
	h := procedure.HandlerFunc(func(_ context.Context, req *procedure.Request, _ procedure.Reply) error {
		require.Equal(t, "alert", req.Name)
		require.Equal(t, procedure.KindSubscription, req.Kind)
		require.True(t, req.Input.Absent())
		return procedure.CodeNotFound
	})
	yields := 0
	for item, err := range alert.Listen(t.Context(), h) {
		yields++
		require.Zero(t, item)
		require.ErrorIs(t, err, procedure.CodeNotFound)
	}
	require.Equal(t, 1, yields)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range alert.Listen(ctx, alert.From(newBoard())) {
		require.ErrorIs(t, err, procedure.CodeClientClosedRequest)
	}
}

// listen serves p, whose caller leaves at once, and returns what it said.
func listen(t *testing.T, p procedure.Procedure, req procedure.Request) ([]procedure.Message, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return replies(ctx, p, req)
}

// Whatever a stock client sends as an input is ignored, if it is JSON.
func TestEventIgnoresItsInput(t *testing.T) {
	b := newBoard()
	p := alert.From(b)
	for _, input := range []string{`null`, `{}`, `{"lastEventId":"7"}`, `5`} {
		_, err := listen(t, p, procedure.Request{Input: procedure.Encoded([]byte(input), procedure.JSON)})
		require.ErrorIs(t, err, context.Canceled, "it has been served")
	}
	require.Len(t, b.requests, 4)
	got, err := listen(t, p, procedure.Request{Input: procedure.Encoded([]byte(`{"a":1,"a":2}`), procedure.JSON)})
	require.ErrorIs(t, err, procedure.CodeBadRequest)
	require.Empty(t, got)
	require.Len(t, b.requests, 4)
}

// The source knows an event by its contract's name, wherever it is mounted.
func TestEventIsServedUnderItsOwnName(t *testing.T) {
	b := newBoard()
	req := &procedure.Request{Name: "mounted.alert", Kind: procedure.KindSubscription, After: "7", Meta: map[string]string{"a": "1"}}
	alert.From(b).ServeRPC(t.Context(), req, func(procedure.Message) error { return io.EOF })
	require.Equal(t, []procedure.Request{{
		Name: "alert", Kind: procedure.KindSubscription, After: "7", Meta: map[string]string{"a": "1"},
	}}, b.requests)
	require.Equal(t, "mounted.alert", req.Name, "the caller's stays as it is")
}

// A push waits for nobody, so the hub's own policy stands in for blocking.
func TestEventOverflow(t *testing.T) {
	p := alert.From(newBoard())
	for asked, want := range map[procedure.Overflow]procedure.Overflow{
		0:                            procedure.OverflowDropOldest,
		procedure.OverflowBlock:      procedure.OverflowDropOldest,
		procedure.OverflowDropOldest: procedure.OverflowDropOldest,
		procedure.OverflowDropNewest: procedure.OverflowDropNewest,
		procedure.OverflowLatest:     procedure.OverflowLatest,
		procedure.OverflowDisconnect: procedure.OverflowDisconnect,
	} {
		got, _ := listen(t, p.With(procedure.Options{Overflow: asked}), procedure.Request{})
		require.Equal(t, []procedure.Message{{Type: procedure.TypeStarted, Overflow: want}}, got)
	}
}
