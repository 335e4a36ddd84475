package layout

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Who reads go doc reads a page: each package says what it is for, and each
// exported name has a comment that speaks of it.
func TestComments(t *testing.T) {
	packages := map[string][]*ast.File{}
	fset := token.NewFileSet()
	walk(t, func(file string) {
		if !public(file) || strings.HasSuffix(file, "_test.go") {
			return
		}
		parsed, err := parser.ParseFile(fset, filepath.Join(root, file), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			return
		}
		dir := filepath.ToSlash(filepath.Dir(file))
		packages[dir] = append(packages[dir], parsed)
		for _, missing := range undocumented(fset, parsed) {
			t.Error(strings.TrimPrefix(missing, root+"/"))
		}
	})
	if len(packages) < 8 {
		t.Fatal("the packages are not where they should be")
	}
	for dir, files := range packages {
		if !slices.ContainsFunc(files, func(f *ast.File) bool { return strings.HasPrefix(f.Doc.Text(), "Package ") }) {
			t.Errorf("%s: the package has no comment", dir)
		}
	}
}

// Every example runs: it says what it prints.
func TestExamplesHaveOutput(t *testing.T) {
	found := 0
	walk(t, func(file string) {
		if !public(file) || !strings.HasSuffix(file, "_test.go") {
			return
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			return
		}
		for _, e := range doc.Examples(parsed) {
			found++
			if e.Output == "" && !e.EmptyOutput {
				t.Errorf("%s: Example%s has no output, and is only compiled", file, e.Name)
			}
		}
	})
	if found < 30 {
		t.Errorf("there are %d examples", found)
	}
}

// public reports whether a file belongs to a package that users import.
func public(file string) bool {
	dir := filepath.ToSlash(filepath.Dir(file))
	return strings.HasSuffix(file, ".go") && dir != "." && owner(dir) != "" &&
		!within(dir, "internal") && !strings.Contains(dir, "testdata") && !nested(file)
}

// undocumented returns where a file exports a name without a comment: fields
// and methods, too. A comment of a function, method or type names it. A field
// or constant may have its comment behind it, or be named in the comment of its
// neighbours above that no empty line separates from it, or of the whole group;
// the method of an interface in that of the interface.
func undocumented(fset *token.FileSet, file *ast.File) (missing []string) {
	report := func(name *ast.Ident, of string) {
		if of != "" {
			of += "."
		}
		missing = append(missing, fmt.Sprintf("%s: %s%s has no comment that names it", fset.Position(name.Pos()), of, name.Name))
	}
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			of := receiver(d)
			if d.Name.IsExported() && (of == "" || ast.IsExported(of)) && !names(d.Doc, d.Name) {
				report(d.Name, of)
			}
		case *ast.GenDecl:
			group := above{fset: fset, all: d.Doc}
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					if !s.Name.IsExported() {
						continue
					}
					if !names(d.Doc, s.Name) && !names(s.Doc, s.Name) {
						report(s.Name, "")
					}
					for _, name := range members(fset, s.Type, cmp.Or(s.Doc, d.Doc)) {
						report(name, s.Name.Name)
					}
				case *ast.ValueSpec:
					for _, name := range group.bare(s.Names, s.Doc, s.Comment) {
						report(name, "")
					}
				}
			}
		}
	}
	return missing
}

// members returns the exported fields and methods of a type that nothing is
// said about.
func members(fset *token.FileSet, expr ast.Expr, doc *ast.CommentGroup) (bare []*ast.Ident) {
	var list *ast.FieldList
	group := above{fset: fset}
	switch t := expr.(type) {
	case *ast.StructType:
		list = t.Fields
	case *ast.InterfaceType:
		list, group.all = t.Methods, doc
	default:
		return nil
	}
	for _, f := range list.List {
		bare = append(bare, group.bare(f.Names, f.Doc, f.Comment)...)
	}
	return bare
}

// above is what is said of the names of a group before the next one.
type above struct {
	fset *token.FileSet
	all  *ast.CommentGroup // of the whole group
	last *ast.CommentGroup // of the neighbours
	line int               // where they end
}

// bare returns which names of one line have no comment.
func (a *above) bare(idents []*ast.Ident, doc, behind *ast.CommentGroup) (bare []*ast.Ident) {
	if len(idents) == 0 {
		return nil // embedded
	}
	first := a.fset.Position(idents[0].Pos()).Line
	if doc != nil || first != a.line+1 {
		a.last = doc
	}
	a.line = first
	for _, name := range idents {
		if name.IsExported() && doc == nil && behind == nil && !names(a.last, name) && !names(a.all, name) {
			bare = append(bare, name)
		}
	}
	return bare
}

// names reports whether a comment has the name as a word.
func names(comment *ast.CommentGroup, name *ast.Ident) bool {
	return regexp.MustCompile(`\b` + regexp.QuoteMeta(name.Name) + `\b`).MatchString(comment.Text())
}

// receiver returns the name of the type that a function is a method of.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	expr := d.Recv.List[0].Type
	for {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.IndexListExpr:
			expr = e.X
		case *ast.Ident:
			return e.Name
		default:
			return "?"
		}
	}
}

// A rule that finds nothing would pass for ever.
func TestUndocumented(t *testing.T) {
	const source = `// Package p is a sample.
package p

// A Good has comments.
type Good struct {
	A int // of A

	// B and C belong together.
	B int
	C int
	D int

	E    int
	f, G int

	Embedded
}

type Bare struct{}

// A Nobody speaks of somebody else.
type Somebody interface {
	// Do does.
	Do()
	Undone()
}

// A Maker has Make.
type Maker interface {
	Make()
}

// Do does.
func (g *Good) Do() {}

func (g Good) Undone()    {}
func (l *List[T]) Next()  {}
func (p *Pair[K, V]) Go() {}
func (h hidden) Shown()   {}
func hide()               {}

func Undone() {}

// It does something.
func It2() {}

// The numbers, One and Two.
const (
	One = iota
	Two
	Three
	Four // is even

	// Five is said.
	Five
)

var Loose, ErrLoose error
`
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "p.go", source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, missing := range undocumented(fset, file) {
		_, name, _ := strings.Cut(missing, ": ")
		got = append(got, strings.TrimSuffix(name, " has no comment that names it"))
	}
	want := []string{
		"Good.D", "Good.E", "Good.G", "Bare", "Somebody", "Somebody.Undone",
		"Good.Undone", "List.Next", "Pair.Go", "Undone", "It2", "Three", "Loose", "ErrLoose",
	}
	if !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}
