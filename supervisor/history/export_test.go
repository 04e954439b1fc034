package history

// For FuzzArchive, which needs no files.
var (
	ReadArchive  = readArchive
	WriteArchive = writeArchive
)
