package conf

// Source says where a value of a block came from.
type Source struct {
	Keyword string
	Pos     Pos
}

// Locator knows where the blocks and keywords of a configuration stand in its files.
type Locator interface {
	Source(block any, keyword string) (Source, bool)
	Place(block any) (Pos, bool)
}

// SetLocator is for who reads configurations: Source and Place ask it.
func (c *Config) SetLocator(l Locator) { c.locator = l }

// Source tells where keyword was said in block, which is a pointer into c: an
// *Instance, a *VirtualServer, a *Checker, &c.Global. It is false for defaults
// and inherited values, and for every Config that came from another process.
func (c *Config) Source(block any, keyword string) (Source, bool) {
	if c.locator == nil {
		return Source{}, false
	}
	return c.locator.Source(block, keyword)
}

// Place is where block itself begins in the files; see Source.
func (c *Config) Place(block any) (Pos, bool) {
	if c.locator == nil {
		return Pos{}, false
	}
	return c.locator.Place(block)
}
