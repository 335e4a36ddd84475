// Package router maps procedure names to what serves them.
//
//	r := router.New(middleware.Logger(log), middleware.Recover(log))
//	r.Handle(roomapi.Find.Func(find), roomapi.Ticks.Func(ticks))
//	r.With(middleware.Require(signedIn)).Handle(roomapi.Create.Func(create))
//	r.Merge(users)               // another router, under its own names
//	r.Mount("billing", upstream) // a router or a client, under a prefix
//
// A [Router] is itself a [procedure.Handler]: it is the in-process client of
// what it serves, a test needs no other, and transport.NewServer serves it to
// clients elsewhere.
//
//	rooms, err := roomapi.Find.Call(ctx, r, roomapi.FindIn{Text: "go"})
//
// # Mistakes
//
// What is certain to be a bug panics when it is registered, with the name and
// the reason. [Router.Lint] tells of what is only likely to be one; call it in a
// test. A call of a name that is not there, or there with another kind, is
// answered with NOT_FOUND, and runs no middleware.
//
// # Concurrency
//
// Register first and serve after. From then on all calls may be concurrent.
package router

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/zapsocket/zapsocket/procedure"
)

// A Router is a [procedure.Handler] that picks the procedure by its name; New
// makes one. Register first, serve after: Handle, Merge and Mount may not run at
// the same time as anything else. ServeRPC, Procedures and Lint may be called
// concurrently.
type Router struct {
	// Validator checks the tags of procedures that name no Validator of their
	// own; nil means the default one. RejectUnknown makes their inputs refuse
	// members that the type has no field for. Both apply to what is handled
	// after they are set.
	Validator     *procedure.Validator
	RejectUnknown bool

	table *table
	mw    []procedure.Middleware
}

// A table is what a Router and its views share.
type table struct {
	procedures map[string]*route
	mounts     map[string]mount // by prefix
	merged     []merged
	parents    []*table // those this one was merged into
}

// A route is a procedure inside its middleware.
type route struct {
	procedure.Procedure
	handler procedure.Handler
}

// A mount is a handler inside its middleware.
type mount struct {
	target  procedure.Handler // what was mounted
	handler procedure.Handler
}

// router returns the target if that is a router.
func (m mount) router() (*Router, bool) {
	r, ok := m.target.(*Router)
	return r, ok
}

// serves reports whether the target may have the procedure. A router can tell,
// and is asked first, so that NOT_FOUND names all that the caller asked for and
// not what is left of it in here.
func (m mount) serves(name string, kind procedure.Kind) bool {
	r, local := m.router()
	return !local || r.table.serves(name, kind)
}

type merged struct {
	router  *Router
	handler procedure.Handler
}

// New returns an empty router whose procedures run inside mw, the first one
// outermost.
func New(mw ...procedure.Middleware) *Router {
	return &Router{mw: slices.Clone(mw), table: &table{procedures: map[string]*route{}, mounts: map[string]mount{}}}
}

// With returns a view of r that adds mw to what is registered through it. The
// view starts with r's Validator and RejectUnknown.
func (r *Router) With(mw ...procedure.Middleware) *Router {
	view := *r
	view.mw = slices.Concat(r.mw, mw)
	return &view
}

// Handle registers procedures. It panics for what is certain to be a bug: a
// name that is taken or no name, a procedure without a function, a type that
// cannot be encoded, a validate tag that is unknown.
func (r *Router) Handle(procedures ...procedure.Procedure) {
	for _, p := range procedures {
		var unset procedure.Options
		if p.Options.Validator == nil {
			unset.Validator = r.Validator
		}
		unset.RejectUnknown = r.RejectUnknown
		p = p.With(unset)
		if err := p.Check(); err != nil {
			panic("router: " + err.Error())
		}
		r.table.claim(p.Name)
		r.table.procedures[p.Name] = &route{p, procedure.Chain(p, r.mw...)}
	}
}

// Merge serves all of other's procedures and mounts too, under their own names
// and inside their own middleware and r's. What is registered with other later
// shows as well. It panics for a name that both have, for a router that r
// shows in, and for one that shows in r already by another merge.
func (r *Router) Merge(other *Router) {
	if other.table.reaches(r.table) {
		panic("router: merging a router into itself")
	}
	for name := range other.table.names() {
		r.table.claim(name)
	}
	for prefix := range other.table.prefixes() {
		r.table.claimPrefix(prefix)
	}
	r.table.claimTables(other.table)
	other.table.parents = append(other.table.parents, r.table)
	r.table.merged = append(r.table.merged, merged{other, procedure.Chain(other, r.mw...)})
}

// Mount hands every call named "prefix.rest" to h as "rest", inside r's
// middleware, which sees the whole name. H may be another router, or a client:
// then r is a gateway, and the errors of the server behind it go on to the
// caller. A mounted client is one connection with this process's identity: do
// not push one user's data through it. Mount panics for a prefix that is no name, and for one that meets
// another mount or a procedure: they are the same, or one is the namespace of
// the other. It also panics if h is nil, or a router that r shows in.
func (r *Router) Mount(prefix string, h procedure.Handler) {
	if err := procedure.CheckName(prefix); err != nil {
		panic("router: mount: " + err.Error())
	}
	if h == nil {
		panic(fmt.Sprintf("router: mount %q of a nil handler", prefix))
	}
	r.table.claimPrefix(prefix)
	m := mount{target: h}
	if other, local := m.router(); !local {
		h = relayed(h)
	} else if other.table.reaches(r.table) {
		panic(fmt.Sprintf("router: mount %q of a router in itself", prefix))
	}
	m.handler = procedure.Chain(stripped(prefix+".", h), r.mw...)
	r.table.mounts[prefix] = m
}

// stripped hands h the names without prefix. The middleware around it sees them
// whole, as those who call do.
func stripped(prefix string, h procedure.Handler) procedure.Handler {
	return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
		sub := *req
		sub.Name = strings.TrimPrefix(req.Name, prefix)
		return h.ServeRPC(ctx, &sub, reply)
	})
}

// relayed passes on what the server behind h says.
func relayed(h procedure.Handler) procedure.Handler {
	return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
		return procedure.Relay(h.ServeRPC(ctx, req, reply))
	})
}

// ServeRPC serves req with the procedure of its name and kind. Without one it
// returns NOT_FOUND, in tRPC's words, and no middleware runs.
func (r *Router) ServeRPC(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
	if route, ok := r.table.procedures[req.Name]; ok && route.Kind == req.Kind {
		return route.handler.ServeRPC(ctx, req, reply)
	}
	for _, m := range r.table.merged {
		if m.router.table.serves(req.Name, req.Kind) {
			return m.handler.ServeRPC(ctx, req, reply)
		}
	}
	if rest, m, ok := r.table.mounted(req.Name); ok && m.serves(rest, req.Kind) {
		return m.handler.ServeRPC(ctx, req, reply)
	}
	return notFound(req)
}

func notFound(req *procedure.Request) error {
	return procedure.Errorf(procedure.CodeNotFound, "No %q-procedure on path %q", req.Kind, req.Name)
}

// Procedures returns what r serves, sorted by name: its own, the merged ones,
// and those of mounted handlers that have such a method, prefix added.
func (r *Router) Procedures() iter.Seq[procedure.Procedure] {
	all := map[string]procedure.Procedure{}
	for name, route := range r.table.procedures {
		all[name] = route.Procedure
	}
	for _, m := range r.table.merged {
		for p := range m.router.Procedures() {
			all[p.Name] = p
		}
	}
	for prefix, m := range r.table.mounts {
		lister, ok := m.target.(interface {
			Procedures() iter.Seq[procedure.Procedure]
		})
		if !ok {
			continue
		}
		for p := range lister.Procedures() {
			p.Name = prefix + "." + p.Name
			all[p.Name] = p
		}
	}
	return func(yield func(procedure.Procedure) bool) {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if !yield(all[name]) {
				return
			}
		}
	}
}

// Lint returns one error that lists what in the procedures' types is legal but
// rarely meant, each with its place and remedy; nil if there is nothing. Call
// it in a test.
func (r *Router) Lint() error {
	var found []error
	for p := range r.Procedures() {
		found = append(found, p.Lint()...)
	}
	return errors.Join(found...)
}

// claim panics if name cannot be registered with t, or with what t is merged
// into: a tRPC client could not tell a procedure from a namespace.
func (t *table) claim(name string) {
	for _, root := range t.roots() {
		for prefix := range root.prefixes() {
			if meet(name, prefix) {
				panic(fmt.Sprintf("router: procedure %q meets the mount %q", name, prefix))
			}
		}
		for other := range root.names() {
			switch {
			case name == other:
				panic(fmt.Sprintf("router: procedure %q is registered twice", name))
			case meet(name, other):
				panic(fmt.Sprintf("router: %q and %q: a procedure cannot be the prefix of another", name, other))
			}
		}
	}
}

// claimPrefix is claim for the prefix of a mount.
func (t *table) claimPrefix(prefix string) {
	for _, root := range t.roots() {
		for other := range root.prefixes() {
			if meet(prefix, other) {
				panic(fmt.Sprintf("router: mount %q meets the mount %q", prefix, other))
			}
		}
		for name := range root.names() {
			if meet(prefix, name) {
				panic(fmt.Sprintf("router: mount %q meets the procedure %q", prefix, name))
			}
		}
	}
}

// meet reports whether a and b are the same name, or one is the namespace of
// the other.
func meet(a, b string) bool {
	return a == b || strings.HasPrefix(a, b+".") || strings.HasPrefix(b, a+".")
}

// roots returns the tables that t shows in and that are merged nowhere.
func (t *table) roots() []*table {
	if len(t.parents) == 0 {
		return []*table{t}
	}
	var roots []*table
	for _, p := range t.parents {
		roots = append(roots, p.roots()...)
	}
	return roots
}

// tables yields t and what is merged into it.
func (t *table) tables() iter.Seq[*table] {
	return func(yield func(*table) bool) {
		if !yield(t) {
			return
		}
		for _, m := range t.merged {
			for merged := range m.router.table.tables() {
				if !yield(merged) {
					return
				}
			}
		}
	}
}

// claimTables panics if other shows in t already, or in what t is merged into:
// its procedures, present and future, would be there twice.
func (t *table) claimTables(other *table) {
	for _, root := range t.roots() {
		for shown := range root.tables() {
			for more := range other.tables() {
				if shown == more {
					panic("router: merging a router twice")
				}
			}
		}
	}
}

// reaches reports whether other is t, or shows in t by merges and mounts.
func (t *table) reaches(other *table) bool {
	if t == other {
		return true
	}
	for _, m := range t.merged {
		if m.router.table.reaches(other) {
			return true
		}
	}
	for _, m := range t.mounts {
		if r, local := m.router(); local && r.table.reaches(other) {
			return true
		}
	}
	return false
}

// serves reports whether t has a procedure of that name and kind, mounts
// included.
func (t *table) serves(name string, kind procedure.Kind) bool {
	if route, ok := t.procedures[name]; ok {
		return route.Kind == kind
	}
	if rest, m, ok := t.mounted(name); ok {
		return m.serves(rest, kind)
	}
	return slices.ContainsFunc(t.merged, func(m merged) bool { return m.router.table.serves(name, kind) })
}

// mounted returns t's own mount that name belongs to, and what the name is
// there.
func (t *table) mounted(name string) (rest string, m mount, ok bool) {
	if len(t.mounts) == 0 {
		return "", mount{}, false
	}
	for i := range len(name) {
		if name[i] != '.' {
			continue
		}
		if m, ok := t.mounts[name[:i]]; ok {
			return name[i+1:], m, true
		}
	}
	return "", mount{}, false
}

// names yields the procedures of t and of what is merged into it.
func (t *table) names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for shown := range t.tables() {
			for name := range shown.procedures {
				if !yield(name) {
					return
				}
			}
		}
	}
}

// prefixes is names for mounts.
func (t *table) prefixes() iter.Seq[string] {
	return func(yield func(string) bool) {
		for shown := range t.tables() {
			for prefix := range shown.mounts {
				if !yield(prefix) {
					return
				}
			}
		}
	}
}
