package link

import (
	"net/http"
	"strconv"
	"strings"
)

// A Refusal is the answer of a server that did not upgrade.
type Refusal struct {
	Status int
	Header http.Header
	Body   string // the beginning, for a person
}

func (r *Refusal) Error() string {
	s := strings.TrimSpace("server answered with HTTP " + strconv.Itoa(r.Status) + " " + http.StatusText(r.Status))
	if r.Body != "" {
		s += ": " + r.Body
	}
	return s
}
