package link

import "net/http"

// A Refusal is the answer of a server that did not upgrade.
type Refusal struct {
	Status int
	Header http.Header
	Body   string // the beginning, for a person
}

func (r *Refusal) Error() string {
	s := "server answered with HTTP " + http.StatusText(r.Status)
	if r.Body != "" {
		s += ": " + r.Body
	}
	return s
}
