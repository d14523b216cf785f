from jidoka.llm.small_model.driver import compact, expand, question

__all__ = ["compact", "expand", "question"]
