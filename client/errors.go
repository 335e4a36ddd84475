package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/zapsocket/zapsocket/internal/link"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

// Why the client itself fails a call. Test for them with errors.Is; the error
// of the call is a *procedure.Error with the code SERVICE_UNAVAILABLE, for
// ErrSlow TOO_MANY_REQUESTS.
var (
	// ErrConnectionLost is the error of a mutation whose connection was lost
	// before its answer came, and of a query that lost three; and of all calls
	// of a client that cannot reconnect, see New.
	ErrConnectionLost = errors.New("connection lost")

	// ErrOffline is the error of a call that may not, or not also, wait for a
	// connection.
	ErrOffline = errors.New("not connected")

	// ErrClosed is the error of calls that Close or Shutdown ended, and of
	// calls after it.
	ErrClosed = errors.New("client is closed")

	// ErrSlow ends a subscription whose loop is too far behind a server that
	// is not one of ours.
	ErrSlow = errors.New("subscriber does not keep up")
)

// unavailable is the error of a call that this client fails because of why.
func unavailable(why error) error {
	return procedure.Errorf(procedure.CodeServiceUnavailable, "connection to the server is not available: %w", why)
}

// connectionLost is the error of a call whose connection was lost because of err.
func connectionLost(err error) error {
	if err == nil || errors.Is(err, ErrConnectionLost) {
		return unavailable(ErrConnectionLost)
	}
	return unavailable(fmt.Errorf("%w: %w", ErrConnectionLost, err))
}

// own is the error of a call whose context has ended.
func own(err error) error { return procedure.AsError(err) }

// dialError is why an attempt to connect failed: what the server says by its
// refusal to upgrade, or the callbacks of Options by a code.
func dialError(err error) error {
	var (
		r    *link.Refusal
		code procedure.Code
	)
	switch {
	case errors.As(err, &r):
		return refusalError(r)
	case errors.As(err, &code), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return own(err)
	}
	return unavailable(err)
}

// maxRetryAfter bounds what a server may ask to wait before the next attempt.
const maxRetryAfter = time.Hour

// refusalError gives a server's refusal to upgrade the code of its HTTP status.
func refusalError(r *link.Refusal) error {
	code := procedure.CodeServiceUnavailable
	switch r.Status {
	case http.StatusUnauthorized:
		code = procedure.CodeUnauthorized
	case http.StatusForbidden:
		code = procedure.CodeForbidden
	case http.StatusNotFound:
		code = procedure.CodeNotFound
	case http.StatusTooManyRequests:
		code = procedure.CodeTooManyRequests
	}
	e := procedure.AsError(procedure.Errorf(code, "server does not accept the connection: %w", r))
	if seconds, err := strconv.Atoi(r.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(min(seconds, int(maxRetryAfter/time.Second))) * time.Second
	}
	return e
}

// retryAfter is how long the server that refused with err asks to wait before
// the next attempt, within what a server may ask for.
func retryAfter(err error) time.Duration {
	if err == nil {
		return 0
	}
	return min(procedure.AsError(err).RetryAfter, maxMoveDelay)
}

// lossError is why conn is lost: what the server has said before it closed, or
// else err.
func (conn *conn) lossError(err error) error {
	var closed *wire.CloseError
	switch {
	case conn.refusal != nil:
		return conn.refusal
	case errors.As(err, &closed) && closed.Code == wire.CloseUnauthorized:
		return procedure.Errorf(procedure.CodeUnauthorized, "server does not accept the credentials: %w", err)
	}
	return err
}

// refusesCredentials reports whether err says that the server knows who is
// asking for a connection and does not want them: trying again with the same
// credentials brings the same.
func refusesCredentials(err error) bool {
	return errors.Is(err, procedure.CodeUnauthorized) || errors.Is(err, procedure.CodeForbidden)
}

// refused is the error of a call whose server does not want the client, as err
// says. It is for whoever chose the client's credentials.
func refused(err error) error { return procedure.Refused(procedure.AsError(err)) }
