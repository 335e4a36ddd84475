package client_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/examples/kitchensink/kitchen"
	"github.com/zapsocket/zapsocket/examples/kitchensink/kitchenapi"
	"github.com/zapsocket/zapsocket/procedure"
)

func TestSmoke(t *testing.T) {
	srv := httptest.NewServer(kitchen.NewServer())
	defer srv.Close()
	c, err := client.Dial(t.Context(), "ws"+strings.TrimPrefix(srv.URL, "http"), &client.Options{Params: map[string]string{"token": "secret"}})
	require.NoError(t, err)
	defer c.Close()
	a, b := 1.0, 2.0
	sum, err := kitchenapi.Add.Call(t.Context(), c, kitchenapi.Pair{A: &a, B: &b})
	require.NoError(t, err)
	require.Equal(t, 3.0, sum.Sum)
	me, err := kitchenapi.Me.Call(t.Context(), c, struct{}{})
	require.NoError(t, err)
	t.Log(me)
	zero := 0.0
	_, err = kitchenapi.Div.Call(t.Context(), c, kitchenapi.Pair{A: &a, B: &zero})
	require.ErrorIs(t, err, procedure.CodeBadRequest)
	t.Log(err)
	_, err = kitchenapi.Boom.Call(t.Context(), c, struct{}{})
	t.Log(err)
	n, begun := 0, time.Now()
	for s, err := range kitchenapi.Stream.Subscribe(t.Context(), c, kitchenapi.StreamIn{N: 200000}) {
		require.NoError(t, err)
		require.Equal(t, n, s.Seq)
		n++
	}
	require.Equal(t, 200000, n)
	t.Log(time.Since(begun))
	begun = time.Now()
	for range 10000 {
		_, err := kitchenapi.Add.Call(t.Context(), c, kitchenapi.Pair{A: &a, B: &b})
		require.NoError(t, err)
	}
	t.Log(time.Since(begun))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = kitchenapi.Slow.Call(ctx, c, kitchenapi.SlowIn{MS: new(1000)})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	t.Log(err)
	t.Log(c.Stats())
	require.NoError(t, c.Close())
	_, err = kitchenapi.Me.Call(t.Context(), c, struct{}{})
	t.Log(err)
	require.ErrorIs(t, err, client.ErrClosed)
}
