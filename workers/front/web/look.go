package web

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// The bounds of what a page may ask for.
const (
	maxOpen   = 4
	maxFilter = 100  // bytes
	maxName   = 1000 // bytes of the name of a service
)

// View is what a page looks at.
type View struct {
	Instances, Services int    // the numbers of the pages, from 0
	Filter              string // names that have it in them; empty is all
	Bad                 bool   // only what is not well
	Open                []Open // the services of which the servers are shown
}

// Open is a service of which a page shows the servers.
type Open struct {
	Service string
	Page    int
}

// parseView reads what a page looks at from the query of an address.
func parseView(q url.Values) (v View, err error) {
	number := func(text string) int {
		n, wrong := strconv.Atoi(text)
		if text != "" && (wrong != nil || n < 0) {
			err = fmt.Errorf("%.20q is not the number of a page", text)
		}
		return n
	}
	v.Instances, v.Services = number(q.Get("i")), number(q.Get("s"))
	v.Filter, v.Bad = strings.ToLower(q.Get("q")), q.Get("bad") == "1"
	if len(v.Filter) > maxFilter {
		return v, fmt.Errorf("the filter has more than %d bytes", maxFilter)
	}
	pages := q["p"]
	for n, name := range q["open"] {
		if n == maxOpen {
			return v, fmt.Errorf("more than %d services are open", maxOpen)
		}
		if len(name) > maxName {
			return v, fmt.Errorf("the name of a service has more than %d bytes", maxName)
		}
		o := Open{Service: name}
		if n < len(pages) {
			o.Page = number(pages[n])
		}
		v.Open = append(v.Open, o)
	}
	return v, err
}

// fits says whether one of the names has the filter in it.
func (v View) fits(names ...string) bool {
	for _, name := range names {
		if v.Filter == "" || strings.Contains(strings.ToLower(name), v.Filter) {
			return true
		}
	}
	return false
}
