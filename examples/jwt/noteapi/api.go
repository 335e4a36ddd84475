// Package noteapi is the contract of the example. Its server and its client
// import it, and nothing else holds them together.
package noteapi

import "github.com/zapsocket/zapsocket/procedure"

// The procedures.
const (
	Motd  procedure.Query[struct{}, string]        = "motd"       // anyone may ask
	List  procedure.Query[struct{}, []string]      = "note.list"  // of whoever is signed in
	Add   procedure.Mutation[AddIn, int]           = "note.add"   // answers with how many there are
	Purge procedure.Mutation[struct{}, int]        = "note.purge" // editors only, everybody's notes
	Watch procedure.Subscription[struct{}, string] = "note.watch" // the notes one by one
)

// AddIn is a note.
type AddIn struct {
	Text string `json:"text" validate:"min=1,max=200"`
}
