package procedure

// A Code says what kind of failure an error is: one of tRPC's. It is an error
// itself, so that a function may return it, and that
//
//	errors.Is(err, procedure.CodeNotFound)
//
// tells an error's code on both sides of the wire.
type Code string

// The codes of tRPC v11.
const (
	CodeParseError           Code = "PARSE_ERROR"            // a message is not what the protocol asks for
	CodeBadRequest           Code = "BAD_REQUEST"            // the input does not decode or validate
	CodeInternalServerError  Code = "INTERNAL_SERVER_ERROR"  // a failure the caller is not told about
	CodeNotImplemented       Code = "NOT_IMPLEMENTED"        // the server cannot do this
	CodeBadGateway           Code = "BAD_GATEWAY"            // a server behind this one answered badly
	CodeServiceUnavailable   Code = "SERVICE_UNAVAILABLE"    // not now: overload, drain, a lost connection
	CodeGatewayTimeout       Code = "GATEWAY_TIMEOUT"        // a server behind this one did not answer in time
	CodeUnauthorized         Code = "UNAUTHORIZED"           // who is calling is not known
	CodePaymentRequired      Code = "PAYMENT_REQUIRED"       // the caller has to pay first
	CodeForbidden            Code = "FORBIDDEN"              // the caller may not do this
	CodeNotFound             Code = "NOT_FOUND"              // no such procedure, or no such thing
	CodeMethodNotSupported   Code = "METHOD_NOT_SUPPORTED"   // the procedure is not called this way
	CodeTimeout              Code = "TIMEOUT"                // the deadline passed
	CodeConflict             Code = "CONFLICT"               // the state does not allow it
	CodePreconditionFailed   Code = "PRECONDITION_FAILED"    // what the caller assumed does not hold
	CodePayloadTooLarge      Code = "PAYLOAD_TOO_LARGE"      // the input is larger than the limit
	CodeUnsupportedMediaType Code = "UNSUPPORTED_MEDIA_TYPE" // the encoding is not supported
	CodeUnprocessableContent Code = "UNPROCESSABLE_CONTENT"  // well-formed, but it cannot be done
	CodePreconditionRequired Code = "PRECONDITION_REQUIRED"  // the caller has to state what it assumes
	CodeTooManyRequests      Code = "TOO_MANY_REQUESTS"      // slow down
	CodeClientClosedRequest  Code = "CLIENT_CLOSED_REQUEST"  // the caller gave up
)

// Error returns the code's name.
func (c Code) Error() string { return string(c) }

// Known reports whether c is one of the constants of this package.
func (c Code) Known() bool {
	_, status := c.numbers()
	return status != 0
}

// Number returns the JSON-RPC error number that goes with c on the wire. Five
// codes share -32603; unknown codes have it too.
func (c Code) Number() int {
	number, _ := c.numbers()
	return number
}

// HTTPStatus returns the HTTP status that goes with c, 500 for an unknown code.
func (c Code) HTTPStatus() int {
	if _, status := c.numbers(); status != 0 {
		return status
	}
	return 500
}

// numbers is tRPC's table. The status is 0 for an unknown code.
func (c Code) numbers() (number, httpStatus int) {
	switch c {
	case CodeParseError:
		return -32700, 400
	case CodeBadRequest:
		return -32600, 400
	case CodeInternalServerError:
		return -32603, 500
	case CodeNotImplemented:
		return -32603, 501
	case CodeBadGateway:
		return -32603, 502
	case CodeServiceUnavailable:
		return -32603, 503
	case CodeGatewayTimeout:
		return -32603, 504
	case CodeUnauthorized:
		return -32001, 401
	case CodePaymentRequired:
		return -32002, 402
	case CodeForbidden:
		return -32003, 403
	case CodeNotFound:
		return -32004, 404
	case CodeMethodNotSupported:
		return -32005, 405
	case CodeTimeout:
		return -32008, 408
	case CodeConflict:
		return -32009, 409
	case CodePreconditionFailed:
		return -32012, 412
	case CodePayloadTooLarge:
		return -32013, 413
	case CodeUnsupportedMediaType:
		return -32015, 415
	case CodeUnprocessableContent:
		return -32022, 422
	case CodePreconditionRequired:
		return -32028, 428
	case CodeTooManyRequests:
		return -32029, 429
	case CodeClientClosedRequest:
		return -32099, 499
	}
	return -32603, 0
}
