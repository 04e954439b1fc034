package conf

import "github.com/lvs-director/director/conf/syntax"

// Source says where a value of a block came from.
type Source struct {
	Keyword string
	Pos     syntax.Pos
}

// sources remembers, for each block, the keywords that were said in it. The
// key is the pointer that the Config holds; it does not cross processes.
type sources map[any][]Source

func (s sources) add(block any, src Source) {
	list := s[block]
	for i := range list {
		if list[i].Keyword == src.Keyword {
			list[i] = src
			return
		}
	}
	s[block] = append(list, src)
}

func (s sources) find(block any, keyword string) (Source, bool) {
	for _, src := range s[block] {
		if src.Keyword == keyword {
			return src, true
		}
	}
	return Source{}, false
}

func (s sources) has(block any, keyword string) bool {
	_, ok := s.find(block, keyword)
	return ok
}

// move gives the sources of one block to the copy that replaces it.
func (s sources) move(from, to any) {
	if list, ok := s[from]; ok {
		s[to] = list
		delete(s, from)
	}
}

// Source tells where keyword was said in block, which is a pointer into c: an
// *Instance, a *VirtualServer, a *Checker, &c.Global. It is false for defaults
// and inherited values, and for every Config that came from another process.
func (c *Config) Source(block any, keyword string) (Source, bool) {
	return c.sources.find(block, keyword)
}

// Place is where block itself begins in the files; see Source.
func (c *Config) Place(block any) (syntax.Pos, bool) {
	src, ok := c.sources.find(block, "")
	return src.Pos, ok
}
