package middleware_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
)

type claims struct{ Team string }

func TestPrincipal(t *testing.T) {
	ctx := procedure.WithIdentity(t.Context(), procedure.Identity{Principal: claims{"blue"}})
	c, ok := middleware.Principal[claims](ctx)
	require.True(t, ok)
	require.Equal(t, "blue", c.Team)

	_, ok = middleware.Principal[*claims](ctx)
	require.False(t, ok, "it is another type")
	for name, ctx := range map[string]context.Context{
		"nobody":   t.Context(),
		"anyone":   procedure.WithIdentity(t.Context(), procedure.Identity{UserID: "ann"}),
		"refused":  procedure.WithIdentity(t.Context(), procedure.Unidentified(procedure.CodeForbidden)),
		"no claim": procedure.WithPeer(t.Context(), peer{}),
	} {
		_, ok = middleware.Principal[claims](ctx)
		require.False(t, ok, name)
		_, ok = middleware.Principal[any](ctx)
		require.False(t, ok, name)
	}
}

func TestBearerToken(t *testing.T) {
	for _, test := range []struct {
		header []string
		want   string
	}{
		{[]string{"Bearer abc"}, "abc"},
		{[]string{"bearer abc"}, "abc"},
		{[]string{"BEARER   abc "}, "abc"},
		{[]string{"Bearer aZ09-._~+/=="}, "aZ09-._~+/=="},
		{nil, "param"},
		{[]string{""}, "param"},
		{[]string{"Bearer"}, "param"},
		{[]string{"Bearer "}, "param"},
		{[]string{"Bearer =="}, "param"},
		{[]string{"Bearer a b"}, "param"},
		{[]string{"Bearer a=b"}, "param"},
		{[]string{"Bearer a,b"}, "param"},
		{[]string{"Bearer \tabc"}, "param"},
		{[]string{"Bearer ä"}, "param"},
		{[]string{"Bearer @"}, "param"},
		{[]string{"Bearerabc"}, "param"},
		{[]string{"Basic YW5uOjE="}, "param"},
		{[]string{"Bearer abc", "Bearer def"}, "param"},
	} {
		c := &conn{header: http.Header{"Authorization": test.header}, params: map[string]string{"token": "param"}}
		require.Equal(t, test.want, middleware.BearerToken(c), "%q", test.header)
		if test.want == "param" {
			c.params = nil
			require.Empty(t, middleware.BearerToken(c), "%q", test.header)
		}
	}
	require.Empty(t, middleware.BearerToken(&conn{}))
	require.Empty(t, middleware.BearerToken(procedure.PeerFrom(t.Context())), "in the process")
}
