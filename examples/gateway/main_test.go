package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/examples/gateway/edge"
	"github.com/zapsocket/zapsocket/examples/gateway/onbehalf"
	"github.com/zapsocket/zapsocket/examples/gateway/orders"
	"github.com/zapsocket/zapsocket/examples/gateway/stock"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "only the edge knows"

var (
	quiet = slog.New(slog.DiscardHandler)
	none  struct{}
)

func TestTranscript(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, startAndTour(t.Context(), &out))
	require.Equal(t, `Without a token
  UNAUTHORIZED: sign in first

Each sees their own orders
  ada's order "first": 2 of tea
  ada's order "second": 2 of tea
  ada sees 2, bob sees 0

An input that does not validate
  BAD_REQUEST
  item: item is a required field (required)
  count: count must be 100 or less (lte)

Errors of the service behind
  NOT_FOUND: there is no rum
  CONFLICT: 100 of tea, and 10 are left, with the data map[left:10]

A subscription goes on when its service is restarted
  ada hears of "first"
  ada hears of "second"
  orders has been restarted
  ada hears of "third"

All of it went over URL.
`, regexp.MustCompile(`ws://127\.0\.0\.1:\d+`).ReplaceAllString(out.String(), "URL"))
}

func TestCommandLine(t *testing.T) {
	require.ErrorContains(t, run(t.Context(), []string{"edge"}, io.Discard), "GATEWAY_SECRET")
	t.Setenv("GATEWAY_SECRET", secret)
	require.ErrorContains(t, run(t.Context(), []string{"edges"}, io.Discard), "edges")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	for _, name := range []string{"orders", "stock", "edge"} {
		require.NoError(t, run(ctx, []string{name}, io.Discard), "it ends with its context")
	}
}

// Nothing in the contracts is likely to be a mistake.
func TestLint(t *testing.T) {
	require.NoError(t, orders.NewRouter(orders.NewStore(), quiet).Lint())
	require.NoError(t, stock.NewRouter(inStock, quiet).Lint())
}

// A shop is all three servers on real sockets. Everything ends with the test.
type shop struct {
	t             *testing.T
	store         *orders.Store
	orders, front *running
	toOrders      *client.Client // the edge's
	stockConns    atomic.Int32   // how often the edge has connected to stock
}

// tokens are those of users who are called as their tokens are.
var tokens = map[string]string{"ada": "ada", "bob": "bob", "early": "early", "late": "late"}

// newShop starts a shop in which the calls of orders and stock pass mw.
func newShop(t *testing.T, mw procedure.Middleware) *shop {
	s := &shop{t: t, store: orders.NewStore()}
	s.orders = s.start("127.0.0.1:0", s.newOrders(mw))
	stock := s.start("127.0.0.1:0", func(addr string) *transport.Server {
		o := onbehalf.ServerOptions(secret, addr, quiet)
		o.OnConnect = func(*transport.Conn) { s.stockConns.Add(1) }
		left := map[string]int{"tea": 10, "coffee": 5, "sugar": 1_000_000}
		return transport.NewServer(procedure.Chain(stock.NewRouter(left, quiet), mw), o)
	})
	s.toOrders = s.toBehind(s.orders)
	s.front = s.start("127.0.0.1:0", public(edge.NewRouter(s.toOrders, s.toBehind(stock), quiet), tokens, quiet))
	return s
}

// newOrders makes the orders service, or its successor: the store stays.
func (s *shop) newOrders(mw procedure.Middleware) newServer {
	return behind(procedure.Chain(orders.NewRouter(s.store, quiet), mw), secret, quiet)
}

func (s *shop) start(addr string, server newServer) *running {
	r, err := startAt(s.t.Context(), addr, server)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { require.NoError(s.t, r.end()) })
	return r
}

// toBehind returns a client as the edge has one.
func (s *shop) toBehind(r *running) *client.Client {
	c, err := edge.Dial(s.t.Context(), r.url(), secret)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { c.Close() })
	return c
}

// dial returns a client of the edge with that token, or none.
func (s *shop) dial(token string, mw ...procedure.Middleware) *client.Client {
	header := http.Header{}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	c, err := client.Dial(s.t.Context(), s.front.url(), &client.Options{Header: header, Middleware: mw})
	require.NoError(s.t, err)
	s.t.Cleanup(func() { c.Close() })
	return c
}

// same changes nothing.
func same(next procedure.Handler) procedure.Handler { return next }
