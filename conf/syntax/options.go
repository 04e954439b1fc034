package syntax

// Options says what a configuration is read with. The zero Options reads the
// host's files with its environment and name, within the default limits.
type Options struct {
	// ConfigID is compared with `@ID` conditions; empty: the host's name up to
	// the first dot.
	ConfigID string
	// Env looks up ${_ENV NAME}; nil: os.LookupEnv.
	Env func(name string) (string, bool)
	// Random gives a number of [lo, hi] for ${_RANDOM}; nil: math/rand.
	Random func(lo, hi int) int
	// FS is where files are read; nil: the host's file system.
	FS FS
	// Dir is the directory of relative file names, in ${_PWD} only; empty: the
	// working directory.
	Dir string
	// Local is a further main file, read behind those of the path; empty: none.
	Local string
	// IncludeChecks is what an include line reports from the start: all that
	// includea does (keepalived's -e).
	IncludeChecks bool
	// KeepComments collects the comments in Tree.Comments.
	KeepComments bool
	// Limits bounds the work; a zero field has the default.
	Limits Limits
}

// Limits bounds what a configuration may cost. Each is an error when exceeded,
// and reading stops there.
type Limits struct {
	FileSize int64 // bytes of one file; default 32 MiB
	Total    int64 // bytes of all files, each counted as often as it is included; default 128 MiB
	Files    int   // files read, likewise; default 4096
	Includes int   // includes within includes; default 16
	Depth    int   // steps of an Origin: includes, definitions and loops; default 64
	Nesting  int   // blocks within blocks; default 64
	Line     int   // bytes of a line; default 64 KiB
	Lines    int   // lines after expansion; default 2 million
	Words    int   // words after expansion; default 8 million
	Work     int64 // bytes of expanded lines and of substitution, small ones rounded up; default 512 MiB
	Findings int   // findings reported; default 1000
}

func (l Limits) withDefaults() Limits {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def64 := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	def64(&l.FileSize, 32<<20)
	def64(&l.Total, 128<<20)
	def(&l.Files, 4096)
	def(&l.Includes, 16)
	def(&l.Depth, 64)
	def(&l.Nesting, 64)
	def(&l.Line, 64<<10)
	def(&l.Lines, 2_000_000)
	def(&l.Words, 8_000_000)
	def64(&l.Work, 512<<20)
	def(&l.Findings, 1000)
	return l
}
