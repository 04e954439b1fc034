package syntax

// Parse reads the configuration at path, which may be a glob pattern that
// stands for several files, and what it includes. It always gives a tree: as
// much as could be read. Findings come in the order in which they were met.
func Parse(path string, opts Options) (*Tree, []Finding) {
	return &Tree{ConfigID: opts.ConfigID}, nil
}

// ParseText reads text under the given file name. Included files are looked up
// in opts.FS.
func ParseText(name, text string, opts Options) (*Tree, []Finding) {
	return &Tree{ConfigID: opts.ConfigID}, nil
}
