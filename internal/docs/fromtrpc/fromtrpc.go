// Package fromtrpc holds the Go code of docs/from-trpc.md.
package fromtrpc

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"sync"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

const (
	ByID  procedure.Query[ByIDIn, Post]          = "post.byId"
	Add   procedure.Mutation[AddIn, Post]        = "post.add"
	OnAdd procedure.Subscription[struct{}, Post] = "post.onAdd"
)

type ByIDIn struct {
	ID string `json:"id" validate:"required"`
}

type AddIn struct {
	Title string `json:"title" validate:"min=1,max=80"`
}

type Post struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Author string `json:"author"`
}

func newRouter(s *service) *router.Router {
	r := router.New()
	r.Handle(ByID.Func(s.byID), OnAdd.Func(s.onAdd))
	r.With(middleware.Require(signedIn)).Handle(Add.Func(s.add))
	return r
}

func signedIn(ctx context.Context, id procedure.Identity) error {
	if id.UserID == "" {
		return procedure.CodeUnauthorized
	}
	return nil
}

func (s *service) byID(ctx context.Context, in ByIDIn) (Post, error) {
	post, ok := s.post(in.ID)
	if !ok {
		return Post{}, procedure.Errorf(procedure.CodeNotFound, "no post %s", in.ID)
	}
	return post, nil
}

func (s *service) add(ctx context.Context, in AddIn) (Post, error) {
	return s.insert(in.Title, procedure.IdentityFrom(ctx).UserID), nil
}

func (s *service) onAdd(ctx context.Context, _ struct{}, out *procedure.Stream[Post]) error {
	for post := range s.follow(ctx, out.After()) {
		if err := out.SendTracked(post.ID, post); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func newServer(s *service) *transport.Server {
	return transport.NewServer(newRouter(s), &transport.ServerOptions{
		Authenticate: func(ctx context.Context, h *transport.Handshake) (procedure.Identity, error) {
			return s.userOf(ctx, h.Params["token"]) // h.Request has headers and cookies
		},
		Origins: []string{"https://app.example.com"}, // pages of the same host may connect anyway
	})
}

// A service keeps posts in memory.
type service struct {
	mu    sync.Mutex
	posts []Post
	added chan struct{} // closed when there is another one
}

func newService() *service { return &service{added: make(chan struct{})} }

func (s *service) userOf(_ context.Context, token string) (procedure.Identity, error) {
	switch token {
	case "":
		return procedure.Identity{}, nil
	case "open-sesame":
		return procedure.Identity{UserID: "ada"}, nil
	}
	return procedure.Identity{}, procedure.Errorf(procedure.CodeUnauthorized, "unknown token")
}

func (s *service) post(id string) (Post, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.posts, func(p Post) bool { return p.ID == id })
	if i < 0 {
		return Post{}, false
	}
	return s.posts[i], true
}

func (s *service) insert(title, author string) Post {
	s.mu.Lock()
	defer s.mu.Unlock()
	post := Post{ID: strconv.Itoa(len(s.posts) + 1), Title: title, Author: author}
	s.posts = append(s.posts, post)
	close(s.added)
	s.added = make(chan struct{})
	return post
}

// follow yields all posts after one, and then each that is added.
func (s *service) follow(ctx context.Context, after string) iter.Seq[Post] {
	return func(yield func(Post) bool) {
		next, _ := strconv.Atoi(after)
		for {
			s.mu.Lock()
			posts, added := s.posts[min(next, len(s.posts)):], s.added
			s.mu.Unlock()
			for _, post := range posts {
				if !yield(post) {
					return
				}
				next++
			}
			select {
			case <-added:
			case <-ctx.Done():
				return
			}
		}
	}
}
