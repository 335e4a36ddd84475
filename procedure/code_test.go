package procedure_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
)

// tRPC's table. Clients go by these numbers.
func TestCodes(t *testing.T) {
	codes := map[procedure.Code]bool{}
	numbers := map[int]bool{}
	for _, tt := range []struct {
		code   procedure.Code
		name   string
		number int
		status int
	}{
		{procedure.CodeParseError, "PARSE_ERROR", -32700, 400},
		{procedure.CodeBadRequest, "BAD_REQUEST", -32600, 400},
		{procedure.CodeInternalServerError, "INTERNAL_SERVER_ERROR", -32603, 500},
		{procedure.CodeNotImplemented, "NOT_IMPLEMENTED", -32603, 501},
		{procedure.CodeBadGateway, "BAD_GATEWAY", -32603, 502},
		{procedure.CodeServiceUnavailable, "SERVICE_UNAVAILABLE", -32603, 503},
		{procedure.CodeGatewayTimeout, "GATEWAY_TIMEOUT", -32603, 504},
		{procedure.CodeUnauthorized, "UNAUTHORIZED", -32001, 401},
		{procedure.CodePaymentRequired, "PAYMENT_REQUIRED", -32002, 402},
		{procedure.CodeForbidden, "FORBIDDEN", -32003, 403},
		{procedure.CodeNotFound, "NOT_FOUND", -32004, 404},
		{procedure.CodeMethodNotSupported, "METHOD_NOT_SUPPORTED", -32005, 405},
		{procedure.CodeTimeout, "TIMEOUT", -32008, 408},
		{procedure.CodeConflict, "CONFLICT", -32009, 409},
		{procedure.CodePreconditionFailed, "PRECONDITION_FAILED", -32012, 412},
		{procedure.CodePayloadTooLarge, "PAYLOAD_TOO_LARGE", -32013, 413},
		{procedure.CodeUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE", -32015, 415},
		{procedure.CodeUnprocessableContent, "UNPROCESSABLE_CONTENT", -32022, 422},
		{procedure.CodePreconditionRequired, "PRECONDITION_REQUIRED", -32028, 428},
		{procedure.CodeTooManyRequests, "TOO_MANY_REQUESTS", -32029, 429},
		{procedure.CodeClientClosedRequest, "CLIENT_CLOSED_REQUEST", -32099, 499},
	} {
		require.Equal(t, tt.name, string(tt.code))
		require.EqualError(t, tt.code, tt.name)
		require.Equal(t, tt.number, tt.code.Number(), tt.name)
		require.Equal(t, tt.status, tt.code.HTTPStatus(), tt.name)
		require.True(t, tt.code.Known(), tt.name)
		codes[tt.code], numbers[tt.number] = true, true
	}
	require.Len(t, codes, 21)
	require.Len(t, numbers, 17)
}

// A code of a newer or another server is kept, and counts as a failure of that
// server.
func TestUnknownCodes(t *testing.T) {
	for _, c := range []procedure.Code{"", "TEAPOT", "not_found", "NOT_FOUND "} {
		require.False(t, c.Known(), "%q", c)
		require.Equal(t, -32603, c.Number(), "%q", c)
		require.Equal(t, 500, c.HTTPStatus(), "%q", c)
	}
}

func TestACodeIsAnError(t *testing.T) {
	var err error = procedure.CodeNotFound
	require.ErrorIs(t, err, procedure.CodeNotFound)
	require.NotErrorIs(t, err, procedure.CodeConflict)
	var c procedure.Code
	require.True(t, errors.As(err, &c))
	require.Equal(t, procedure.CodeNotFound, c)
}
