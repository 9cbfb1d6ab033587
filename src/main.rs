//! The binary: only the allocator. Everything else is in the library, because an `async` function that is awaited only here
//! would be compiled a second time, with all that it calls.

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    todo_api::command_line::run();
}
