package fromtrpc

import (
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPosts(t *testing.T) {
	web := httptest.NewServer(newServer(newService()))
	defer web.Close()
	c, err := client.Dial(t.Context(), web.URL, &client.Options{Params: map[string]string{"token": "open-sesame"}})
	require.NoError(t, err)
	defer c.Close()

	for _, title := range []string{"one", "two", "three"} {
		post, err := Add.Call(t.Context(), c, AddIn{Title: title})
		require.NoError(t, err)
		require.Equal(t, "ada", post.Author)
	}
	post, err := ByID.Call(t.Context(), c, ByIDIn{ID: "2"})
	require.NoError(t, err)
	require.Equal(t, "two", post.Title)
	_, err = ByID.Call(t.Context(), c, ByIDIn{ID: "7"})
	require.EqualError(t, err, "NOT_FOUND: no post 7")

	var titles []string
	for item, err := range OnAdd.Resume(t.Context(), c, struct{}{}, "1") {
		require.NoError(t, err)
		if titles = append(titles, item.Data.Title); len(titles) == 2 {
			break
		}
	}
	require.Equal(t, []string{"two", "three"}, titles)
}

func TestGuests(t *testing.T) {
	web := httptest.NewServer(newServer(newService()))
	defer web.Close()
	for token, want := range map[string]string{"": "UNAUTHORIZED: UNAUTHORIZED", "open-barley": "UNAUTHORIZED: unknown token"} {
		c, err := client.Dial(t.Context(), web.URL, &client.Options{Params: map[string]string{"token": token}})
		require.NoError(t, err)
		_, err = Add.Call(t.Context(), c, AddIn{Title: "one"})
		require.EqualError(t, err, want)
		_, err = ByID.Call(t.Context(), c, ByIDIn{ID: "1"})
		require.ErrorIs(t, err, procedure.CodeNotFound)
		require.NoError(t, c.Close())
	}
}
