"""The error that ends a script with one message and status 2."""


class InputError(Exception):
    """Something the user gave is wrong; the message says what, where, and what is accepted.

    Args:
        where: the file, field or table the problems are in.
        problems: one line each. All problems of one place are reported at once.
    """

    def __init__(self, where: str, problems: list[str] | str):
        self.where = where
        self.problems = [problems] if isinstance(problems, str) else problems
        super().__init__(where, self.problems)

    def __str__(self) -> str:
        if len(self.problems) == 1:
            return f"{self.where}: {self.problems[0]}"
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        return f"{self.where}: {len(self.problems)} problems\n{lines}"


class TableError(InputError):
    """A table that cannot be prepared with these settings, however often it is tried."""
