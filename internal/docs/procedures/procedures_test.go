package procedures

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/internal/docs/billingapi"
	"github.com/zapsocket/zapsocket/internal/docs/roomapi"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newService() *service {
	return &service{rooms: map[string]roomapi.Room{"7": {ID: "7", Name: "lobby"}}}
}

func TestBooking(t *testing.T) {
	b := Booking{ID: 9007199254740993, At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Length: 90 * time.Minute, Key: []byte("key"), Secret: "x"}
	got, err := procedure.JSON.Append(nil, b)
	require.NoError(t, err)
	require.Equal(t, `{"id":"9007199254740993","at":"2026-03-01T12:00:00Z","length":"1h30m0s","guests":[],"labels":{},"key":"a2V5","seat":null}`, string(got))
}

func TestDecoding(t *testing.T) {
	type In struct {
		Name string `json:"name"`
		Seat *int   `json:"seat"`
	}
	const Echo procedure.Query[In, In] = "echo"
	const None procedure.Query[struct{}, struct{}] = "none"
	r := router.New()
	r.Handle(
		Echo.Func(func(_ context.Context, in In) (In, error) { return in, nil }),
		None.Func(func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil }),
	)
	call := func(name, input string) (string, error) {
		var out []byte
		req := &procedure.Request{Name: name, Kind: procedure.KindQuery}
		if input != "" {
			req.Input = procedure.Encoded([]byte(input), procedure.JSON)
		}
		err := r.ServeRPC(t.Context(), req, func(m procedure.Message) (err error) {
			out, err = m.Body.Append(nil, procedure.JSON)
			return err
		})
		return string(out), err
	}
	for input, want := range map[string]string{
		`{"name":"a","seat":0}`:     `{"name":"a","seat":0}`,
		`{"NAME":"a"}`:              `{"name":"","seat":null}`,
		`{"name":"a","more":[1,2]}`: `{"name":"a","seat":null}`,
		`{}`:                        `{"name":"","seat":null}`,
		`null`:                      `{"name":"","seat":null}`,
		``:                          `{"name":"","seat":null}`,
	} {
		got, err := call("echo", input)
		require.NoError(t, err, input)
		require.Equal(t, want, got, input)
	}
	for _, input := range []string{`{"name":"a","name":"b"}`, `{"name":1}`, `{"name":"` + "\xff" + `"}`, `[]`} {
		_, err := call("echo", input)
		require.ErrorIs(t, err, procedure.CodeBadRequest, input)
	}
	for _, input := range []string{``, `null`, `{"a":1}`} {
		got, err := call("none", input)
		require.NoError(t, err, input)
		require.Empty(t, got, input)
	}
}

func TestNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"room.find": true, "find": true, "a.b.c_2": true,
		"": false, "room.": false, "room find": false, "2rooms": false, "räume": false, "a.then": false, "a.call": false, "apply": false,
		strings.Repeat("a", 128): true, strings.Repeat("a", 129): false,
	} {
		require.Equal(t, ok, procedure.CheckName(name) == nil, name)
	}
}

func TestRouter(t *testing.T) {
	r := newRouter(newService())
	_, err := roomapi.Create.Call(t.Context(), r, roomapi.CreateIn{Name: "attic", Owner: "ada@example.com"})
	require.ErrorIs(t, err, procedure.CodeUnauthorized)
	require.NoError(t, r.Lint())
	require.PanicsWithValue(t, `router: procedure "room.get" is registered twice`, func() { options(r, newService()) })

	var ticks []string
	for item, err := range roomapi.Ticks.Resume(t.Context(), r, roomapi.TicksIn{Count: 4}, "2") {
		require.NoError(t, err)
		ticks = append(ticks, item.ID)
	}
	require.Equal(t, []string{"3", "4"}, ticks)
}

func billing() *router.Router {
	r := router.New()
	r.Handle(billingapi.Sum.Func(func(_ context.Context, in billingapi.SumIn) (billingapi.Amount, error) {
		return billingapi.Amount{Cents: len(in.Account)}, nil
	}))
	return r
}

func TestCompose(t *testing.T) {
	for name, mounted := range map[string]procedure.Handler{"router": billing(), "client": rpctest.Client(t, billing())} {
		t.Run(name, func(t *testing.T) {
			users := router.New()
			r := compose(newRouter(newService()), users, mounted)
			const WhoAmI procedure.Query[struct{}, string] = "user.whoAmI"
			users.Handle(WhoAmI.Func(func(context.Context, struct{}) (string, error) { return "ada", nil }))

			got, err := WhoAmI.Call(t.Context(), r, struct{}{})
			require.NoError(t, err)
			require.Equal(t, "ada", got)
			_, err = roomapi.Get.Call(t.Context(), r, roomapi.GetIn{ID: "7"})
			require.NoError(t, err)
			sum, err := total(t.Context(), r)
			require.NoError(t, err)
			require.Equal(t, 3, sum.Cents)
			sum, err = BillingSum.Call(t.Context(), r, billingapi.SumIn{Account: "ada"})
			require.NoError(t, err)
			require.Equal(t, 3, sum.Cents)
		})
	}
}

// Ids in their range are fine as they are; those that JavaScript rounds are not.
func TestLint(t *testing.T) {
	type Guest struct {
		Name string `json:"name" validate:"required"`
	}
	type In struct {
		ID     int64   `json:"id"`
		Guests []Guest `json:"guests"`
		Quiet  bool    `json:"quiet" validate:"required"`
	}
	const Book procedure.Mutation[In, struct{}] = "room.book"
	r := router.New()
	r.Handle(Book.Func(func(context.Context, In) (struct{}, error) { return struct{}{}, nil }))
	require.EqualError(t, r.Lint(), strings.TrimSpace(`
procedure "room.book": input id: JavaScript rounds an integer beyond 2^53, which int64 can hold; add the option string to the json tag, or a rule such as lte=9007199254740991
procedure "room.book": input guests: the validate tags inside []procedures.Guest are not checked; add dive to the field's validate tag
procedure "room.book": input quiet: required takes the zero bool for absent; use *bool, or drop the rule`))
}

func Example_list() {
	s := newService()
	r := router.New()
	r.Handle(roomapi.Find.Func(s.find))
	options(r, s)
	list(os.Stdout, r)
	// Output:
	// query room.find roomapi.FindIn []roomapi.Room
	// query room.get roomapi.GetIn roomapi.Room
}

func Example_calls() {
	fmt.Println(calls(context.Background(), newRouter(newService())))
	fmt.Println(resume(context.Background(), newRouter(newService()), "1"))
	// Output:
	// lobby
	// 1
	// 2
	// 3
	// <nil>
	// 2 0
	// 3 0
	// 3 <nil>
}
