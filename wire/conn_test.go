package wire_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/wire"
)

func TestCloseErrorText(t *testing.T) {
	for _, tt := range []struct {
		err  wire.CloseError
		want string
	}{
		{wire.CloseError{Code: wire.CloseNormal}, "connection closed with code 1000"},
		{wire.CloseError{Code: wire.CloseUnauthorized, Reason: "token has expired"}, "connection closed with code 4401: token has expired"},
		{wire.CloseError{}, "connection closed with code 0"},
	} {
		require.EqualError(t, &tt.err, tt.want)
	}
}

func TestCloseErrorIsFound(t *testing.T) {
	err := fmt.Errorf("read: %w", &wire.CloseError{Code: wire.CloseGoingAway})
	var closed *wire.CloseError
	require.True(t, errors.As(err, &closed))
	require.Equal(t, wire.CloseGoingAway, closed.Code)
}
