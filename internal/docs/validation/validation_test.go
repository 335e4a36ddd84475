package validation

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
	"github.com/zapsocket/zapsocket/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ask sends JSON as it is.
func ask(t *testing.T, h procedure.Handler, name, input string) error {
	return h.ServeRPC(t.Context(), &procedure.Request{
		Name: name, Kind: procedure.KindMutation, Input: procedure.Encoded([]byte(input), procedure.JSON),
	}, func(procedure.Message) error { return nil })
}

func bookings() *router.Router {
	r := router.New()
	r.Handle(Book.Func(func(context.Context, BookIn) (Booking, error) { return Booking{ID: "1"}, nil }))
	return r
}

func TestFaults(t *testing.T) {
	const good = `"room":"lobby","email":"ada@example.com","plan":"day"`
	for input, want := range map[string]map[string]string{
		`{` + good + `,"seats":0}`: {},
		`{` + good + `,"seats":1,"guests":[{"name":"Bob"}],"repeat":null}`: {},
		`{` + good + `}`:               {"seats": "seats is a required field"},
		`{` + good + `,"seats":null}`:  {"seats": "seats is a required field"},
		`{` + good + `,"seats":"two"}`: {"seats": "seats must be an integer"},
		`{` + good + `,"seats":51}`:    {"seats": "seats must be 50 or less"},
		`{` + good + `,"seats":1,"guests":[{"name":""}],"tags":["a","a"],"repeat":{"weeks":0}}`: {
			"guests[0].name": "name is a required field",
			"tags":           "tags must contain unique values",
			"repeat.weeks":   "weeks must be 1 or greater",
		},
		`{"seats":1,"tags":[""]}`: {
			"room":    "room is a required field",
			"email":   "email is a required field",
			"plan":    "plan must be one of [day week]",
			"tags[0]": "tags[0] must be at least 1 character in length",
		},
	} {
		err := ask(t, bookings(), "room.book", input)
		if len(want) == 0 {
			require.NoError(t, err, input)
			continue
		}
		require.Equal(t, want, faults(err), input)
	}
	require.NoError(t, bookings().Lint())
}

// The page's table.
func TestAbsentNullAndZero(t *testing.T) {
	const (
		Plain procedure.Mutation[struct {
			N int `json:"n"`
		}, struct{}] = "n"
		Required procedure.Mutation[struct {
			N int `json:"n" validate:"required"`
		}, struct{}] = "n"
		RequiredPointer procedure.Mutation[struct {
			N *int `json:"n" validate:"required"`
		}, struct{}] = "n"
		OptionalPointer procedure.Mutation[struct {
			N *int `json:"n" validate:"omitempty,gte=1"`
		}, struct{}] = "n"
		List procedure.Mutation[[]Guest, struct{}] = "n"
	)
	for _, tt := range []struct {
		p       procedure.Procedure
		refused [3]bool // absent, null, zero
	}{
		{Plain.Func(nothing), [3]bool{}},
		{Required.Func(nothing), [3]bool{true, true, true}},
		{RequiredPointer.Func(nothing), [3]bool{true, true, false}},
		{OptionalPointer.Func(nothing), [3]bool{false, false, true}},
	} {
		r := router.New()
		r.Handle(tt.p)
		for i, input := range []string{`{}`, `{"n":null}`, `{"n":0}`} {
			require.Equal(t, tt.refused[i], ask(t, r, "n", input) != nil, "%v %s", tt.p.In, input)
		}
	}
	r := router.New()
	r.Handle(List.Func(nothing))
	require.Equal(t, map[string]string{"[1].name": "name is a required field"}, faults(ask(t, r, "n", `[{"name":"Bob"},{"name":""}]`)))
}

func nothing[In any](context.Context, In) (struct{}, error) { return struct{}{}, nil }

func TestCustomTag(t *testing.T) {
	for language, validator := range map[string]func() (*procedure.Validator, error){
		"name is not valid: slug": newValidator,
		"name ist kein Kürzel":    newGermanValidator,
	} {
		v, err := validator()
		require.NoError(t, err)
		_, err = Rename.Call(t.Context(), register(v), NameIn{Name: "The Lobby"})
		require.Equal(t, map[string]string{"name": language}, faults(err))
		_, err = Rename.Call(t.Context(), register(v), NameIn{Name: "lobby"})
		require.NoError(t, err)
	}
	require.Panics(t, func() { register(nil) }, "the tag is unknown")
}

func TestOutput(t *testing.T) {
	var log bytes.Buffer
	r := router.New()
	r.Handle(Book.Func(book))
	c := rpctest.NewServer(t, r, &transport.ServerOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))}).Client(nil)
	seats := 1
	_, err := Book.Call(t.Context(), c, BookIn{Room: "lobby", Email: "ada@example.com", Plan: "day", Seats: &seats})
	require.ErrorIs(t, err, procedure.CodeInternalServerError)
	require.NotEmpty(t, procedure.AsError(err).LogID)
	require.Nil(t, procedure.AsError(err).Fields)
	c.Close()
	require.Contains(t, log.String(), "id is a required field")
}

func TestRejectUnknown(t *testing.T) {
	v, err := newValidator()
	require.NoError(t, err)
	require.NoError(t, ask(t, register(v), "room.rename", `{"name":"lobby","nmae":"attic"}`))

	const Say procedure.Mutation[Guest, struct{}] = "say"
	r := router.New()
	r.RejectUnknown = true
	r.Handle(Say.Func(func(context.Context, Guest) (struct{}, error) { return struct{}{}, nil }))
	err = ask(t, r, "say", `{"name":"Ada","nmae":"Ada"}`)
	require.Equal(t, map[string]string{"nmae": "nmae is not a known member"}, faults(err))
}
