// Package docs holds all Go code of the pages in docs/ and of the README, so
// that it is compiled, vetted and, where it can be, run. Its tests find each
// block of each page in the Go files of the repository, and follow the links
// between pages.
//
// A page has a package of its own here. A block of the page is a copy of lines
// that stand together in one file; their common indentation does not count. The
// line ... or // ... in a block stands for any number of lines left out, and
// so does a body { ... } at the end of a line. Signatures and fragments of the
// library itself need no copy here: they stand in its source.
//
// Where a page shows a program of the reader's own, its module is called
// example.com/rooms. Here that is the folder gettingstarted.
package docs
