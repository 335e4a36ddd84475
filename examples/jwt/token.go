package main

import (
	"context"
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
)

// Who makes the tokens, and for whom. A token that was made for another
// service with the same key is not for this one.
const (
	issuer   = "https://id.example.com"
	audience = "notes"
)

// Claims are what a token says. They become the Principal of its user.
type Claims struct {
	Role string `json:"role,omitempty"` // "editor", or nothing
	jwt.RegisteredClaims
}

// A verifier reads the tokens of connections. It is safe for concurrent use.
type verifier struct {
	key    []byte
	parser *jwt.Parser
}

func newVerifier(key []byte) *verifier {
	return &verifier{key, jwt.NewParser(
		// Without this a token chooses how it is checked: not at all, with
		// "none", or with a public key as if it were a secret.
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithExpirationRequired(),
		jwt.WithIssuer(issuer),
		jwt.WithAudience(audience),
	)}
}

// verify is what middleware.Auth asks. Who has no token is anonymous; who has a
// bad one is told so by the procedures that need to know.
func (v *verifier) verify(_ context.Context, p procedure.Peer) (procedure.Identity, error) {
	token := middleware.BearerToken(p)
	if token == "" {
		return procedure.Identity{}, nil
	}
	claims := &Claims{}
	_, err := v.parser.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return v.key, nil })
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return procedure.Identity{}, procedure.Errorf(procedure.CodeUnauthorized, "the token has expired")
	case err != nil: // why is for the log
		return procedure.Identity{}, procedure.Errorf(procedure.CodeUnauthorized, "the token is not valid: %w", err)
	case claims.Subject == "": // or whoever has it would pass for anonymous
		return procedure.Identity{}, procedure.Errorf(procedure.CodeUnauthorized, "the token has no subject")
	}
	return procedure.Identity{UserID: claims.Subject, Principal: claims, Expires: claims.ExpiresAt.Time}, nil
}

// issue makes a token, as the service that users sign in to does.
func issue(key []byte, user, role string, lifetime time.Duration) (string, error) {
	now := time.Now()
	return jwt.NewWithClaims(jwt.SigningMethodHS256, &Claims{
		Role: role,
		RegisteredClaims: jwt.RegisteredClaims{
			Subject:   user,
			Issuer:    issuer,
			Audience:  jwt.ClaimStrings{audience},
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(lifetime)),
		},
	}).SignedString(key)
}
