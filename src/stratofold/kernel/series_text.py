"""The machine code that makes the calls of a series (`series`), in LLVM's words.

What the machine code reads, as words of 64 bits:

    plan:  the kernel's function | its result | its three roots | its `stop` | run at which it is | run before which it ends |
           the answer at which it stops | copies for all runs, how many, where | pieces of a run, how many, where |
           numbers that are noted, how many, where, to where: of each a column of all runs | words from one column to the next
    copy for all runs:  to where | from where, of the first run | how much further for each run | bytes
    piece:  copies, how many | of each: to where | from where | bytes

It knows nothing of strategies, engines or feeds, and is the same in every kernel's file.
"""

NAME = "stratofold_series"
WORDS = 17
FUNCTION, RESULT, ROOTS, STOP, AT, END, ANSWER, ALL, PIECES, NOTED, STRIDE = 0, 1, 2, 5, 6, 7, 8, 9, 11, 13, 16


def _copying(name: str, kind: str, step: int, count: int, first: str, end: str, before: str, after: str) -> str:
    """A loop that copies `count` values of `step` bytes a turn, from the place `first` up to `end`, and leads to the loop `after`."""
    at = f"%{name}.at"
    reads, writes = [], []
    for k in range(count):
        place, value = f"%{name}.place{k}", f"%{name}.value{k}"
        reads.append(f"""  {place} = add i64 {at}, {k * step}
  {place}.from = getelementptr i8, ptr %from, i64 {place}
  {value} = load {kind}, ptr {place}.from, align 1""")
        writes.append(f"""  {place}.to = getelementptr i8, ptr %to, i64 {place}
  store {kind} {value}, ptr {place}.to, align 1""")
    return "\n".join((f"""{name}:
  {at} = phi i64 [ {first}, %{before} ], [ %{name}.next, %{name}.turn ]
  %{name}.more = icmp ult i64 {at}, {end}
  br i1 %{name}.more, label %{name}.turn, label %{after}
{name}.turn:""", *reads, *writes, f"""  %{name}.next = add i64 {at}, {count * step}
  br label %{name}"""))  # fmt: skip


# `no-builtins`: or the optimiser would make calls to a C library of the loops that copy.
TEXT = f"""
define internal void @sf.copied(ptr %to, ptr %from, i64 %size) #0 {{
entry:
  %many = and i64 %size, -256
  %wide = and i64 %size, -32
  %words = and i64 %size, -8
  br label %lots
{_copying("lots", "<4 x i64>", 32, 8, "0", "%many", "entry", "fours")}
{_copying("fours", "<4 x i64>", 32, 1, "%many", "%wide", "lots", "ones")}
{_copying("ones", "i64", 8, 1, "%wide", "%words", "fours", "bytes")}
{_copying("bytes", "i8", 1, 1, "%words", "%size", "ones", "done")}
done:
  ret void
}}

define internal i64 @sf.word(ptr %row, i64 %at) #0 {{
  %place = getelementptr i64, ptr %row, i64 %at
  %word = load i64, ptr %place, align 8
  ret i64 %word
}}

define internal ptr @sf.place(ptr %row, i64 %at) #0 {{
  %place = getelementptr ptr, ptr %row, i64 %at
  %word = load ptr, ptr %place, align 8
  ret ptr %word
}}

define i64 @{NAME}(ptr %plan) #0 {{
entry:
  %function = call ptr @sf.place(ptr %plan, i64 {FUNCTION})
  %result = call ptr @sf.place(ptr %plan, i64 {RESULT})
  %engine = call ptr @sf.place(ptr %plan, i64 {ROOTS})
  %guest = call ptr @sf.place(ptr %plan, i64 {ROOTS + 1})
  %feed = call ptr @sf.place(ptr %plan, i64 {ROOTS + 2})
  %stop = call i64 @sf.word(ptr %plan, i64 {STOP})
  %first = call i64 @sf.word(ptr %plan, i64 {AT})
  %end = call i64 @sf.word(ptr %plan, i64 {END})
  %answer = call i64 @sf.word(ptr %plan, i64 {ANSWER})
  %alls = call i64 @sf.word(ptr %plan, i64 {ALL})
  %all = call ptr @sf.place(ptr %plan, i64 {ALL + 1})
  %pieces = call i64 @sf.word(ptr %plan, i64 {PIECES})
  %piece.rows = call ptr @sf.place(ptr %plan, i64 {PIECES + 1})
  %noteds = call i64 @sf.word(ptr %plan, i64 {NOTED})
  %noted = call ptr @sf.place(ptr %plan, i64 {NOTED + 1})
  %goals = call ptr @sf.place(ptr %plan, i64 {NOTED + 2})
  %stride = call i64 @sf.word(ptr %plan, i64 {STRIDE})
  br label %run
run:
  %at = phi i64 [ %first, %entry ], [ %at.next, %noted.all ]
  %goes.on = icmp ult i64 %at, %end
  br i1 %goes.on, label %every, label %over
every:
  %a = phi i64 [ 0, %run ], [ %a.next, %copy.all ]
  %a.more = icmp ult i64 %a, %alls
  br i1 %a.more, label %copy.all, label %pieced
copy.all:
  %a.word = mul i64 %a, 4
  %a.row = getelementptr i64, ptr %all, i64 %a.word
  %a.to = call ptr @sf.place(ptr %a.row, i64 0)
  %a.from = call ptr @sf.place(ptr %a.row, i64 1)
  %a.stride = call i64 @sf.word(ptr %a.row, i64 2)
  %a.size = call i64 @sf.word(ptr %a.row, i64 3)
  %a.move = mul i64 %a.stride, %at
  %a.own = getelementptr i8, ptr %a.from, i64 %a.move
  call void @sf.copied(ptr %a.to, ptr %a.own, i64 %a.size)
  %a.next = add i64 %a, 1
  br label %every
pieced:
  %mine = mul i64 %at, %pieces
  %row = getelementptr ptr, ptr %piece.rows, i64 %mine
  br label %each
each:
  %p = phi i64 [ 0, %pieced ], [ %p.next, %piece.done ]
  %p.more = icmp ult i64 %p, %pieces
  br i1 %p.more, label %piece, label %call
piece:
  %list = call ptr @sf.place(ptr %row, i64 %p)
  %copies = call i64 @sf.word(ptr %list, i64 0)
  br label %piece.copies
piece.copies:
  %c = phi i64 [ 0, %piece ], [ %c.next, %piece.copy ]
  %c.more = icmp ult i64 %c, %copies
  br i1 %c.more, label %piece.copy, label %piece.done
piece.copy:
  %c.three = mul i64 %c, 3
  %c.word = add i64 %c.three, 1
  %c.row = getelementptr i64, ptr %list, i64 %c.word
  %c.to = call ptr @sf.place(ptr %c.row, i64 0)
  %c.from = call ptr @sf.place(ptr %c.row, i64 1)
  %c.size = call i64 @sf.word(ptr %c.row, i64 2)
  call void @sf.copied(ptr %c.to, ptr %c.from, i64 %c.size)
  %c.next = add i64 %c, 1
  br label %piece.copies
piece.done:
  %p.next = add i64 %p, 1
  br label %each
call:
  %status = call i32 %function(ptr %result, ptr %engine, ptr %guest, ptr %feed, i64 %stop)
  %said = load i64, ptr %result, align 8
  %is.well = icmp eq i32 %status, 0
  %is.answer = icmp eq i64 %said, %answer
  %is.not = xor i1 %is.answer, true
  %is.done = and i1 %is.well, %is.not
  br i1 %is.done, label %note, label %over
note:
  br label %notes
notes:
  %n = phi i64 [ 0, %note ], [ %n.next, %one.note ]
  %n.place = phi i64 [ %at, %note ], [ %n.place.next, %one.note ]
  %n.more = icmp ult i64 %n, %noteds
  br i1 %n.more, label %one.note, label %noted.all
one.note:
  %n.from = call ptr @sf.place(ptr %noted, i64 %n)
  %n.value = load i64, ptr %n.from, align 8
  %n.to = getelementptr i64, ptr %goals, i64 %n.place
  store i64 %n.value, ptr %n.to, align 8
  %n.next = add i64 %n, 1
  %n.place.next = add i64 %n.place, %stride
  br label %notes
noted.all:
  %at.next = add i64 %at, 1
  br label %run
over:
  ret i64 %at
}}

attributes #0 = {{ nounwind "no-builtins" }}
"""
