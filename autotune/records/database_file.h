// Where databases lie, and how several programs may write one.
#pragma once

#include <filesystem>
#include <functional>

#include "autotune/records/database.h"

namespace tern::autotune {

// The folder of databases: $TERN_DATABASE, else $XDG_DATA_HOME/tern/kernels, else
// ~/.local/share/tern/kernels. A TERN_DATABASE that ends in ".yaml" names one file instead, which is then
// that of every provenance.
std::filesystem::path database_folder();
// The file in it for this provenance: "x86_64-AuthenticAMD-26-2-1-1a2b3c4d.yaml". The digits stand for all
// the rest, so that another version of LLVM, or a feature more, has another file.
std::filesystem::path database_file(const Provenance& provenance);

// The database in a file; an empty one if there is none. Damaged parts are reported in `warnings` and not
// used and not lost: the file is left alone, and the next update() moves it to FILE.quarantine. Fails if the
// file cannot be read, or if its provenance is not `here`: the error shows the differences.
Expected<Database> load_database(const std::filesystem::path& file, const Provenance& here,
                                 std::vector<std::string>& warnings);
// The same of choices alone.
Expected<Database> load_choices(const std::filesystem::path& file, const Provenance& here,
                                std::vector<std::string>& warnings);

// Reads, changes and writes the file under a lock that other programs respect, so that all findings of two
// tuners are kept. The new file replaces the old one at once: a process that is killed leaves the one or the
// other.
Status update_database(const std::filesystem::path& file, const Provenance& here,
                       const std::function<void(Database&)>& change);

// Adds to the end of the file under the same lock, without reading what is there: as quick for a large file
// as for a small one. update_database joins the records of one kernel. A process that is killed
// meanwhile leaves half a document, which is set aside when it is read. Precondition: the file was loaded, or
// is not there.
Status append_to_database(const std::filesystem::path& file, const Database& found);

// Moves what is damaged to FILE.quarantine and writes the rest anew. A file that has lost the document that
// says who was measured is `here`'s if other documents have the digits of it. Returns how many stretches of
// text were moved.
Expected<size_t> repair_database(const std::filesystem::path& file, const Provenance& here);

}  // namespace tern::autotune
