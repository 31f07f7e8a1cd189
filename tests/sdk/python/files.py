"""Writes files with the libraries that people make them with: a text in each place that a format has for one.

files.py FOLDER: reads {"secret": …, "attack": …, "harmless": …} from standard input, and says of each file that it wrote, in a
line of JSON, which library wrote it, in which format, what is in it and in which place.
"""

import io
import json
import sys
from pathlib import Path

import docx
import fpdf
import openpyxl
import pptx
import pypdf
import pypdf.annotations
import reportlab
from docx.shared import Pt, RGBColor
from odf import dc, draw, meta, office, presentation, style, table, text
from odf.opendocument import OpenDocumentPresentation, OpenDocumentSpreadsheet, OpenDocumentText
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment
from openpyxl.worksheet.datavalidation import DataValidation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches
from reportlab.lib import colors
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate, Table

# A font with a licence that lets everybody embed it.
FONT = Path(reportlab.__file__).parent / "fonts" / "Vera.ttf"
PLAIN = "The minutes of the meeting of the allotment society, as agreed."

pdfmetrics.registerFont(TTFont("Vera", str(FONT)))


def canvas(draw_it, **options):
    out = io.BytesIO()
    page = Canvas(out, **options)
    page.drawString(50, 780, PLAIN)
    draw_it(page)
    page.showPage()
    page.save()
    return out.getvalue()


def at(page, words, font="Helvetica", size=10):
    page.setFont(font, size)
    page.drawString(40, 700, words)


def rotated(page, words):
    page.saveState()
    page.translate(300, 300)
    page.rotate(37)
    page.drawString(0, 0, words)
    page.restoreState()


def white(page, words):
    page.setFillColor(colors.white)
    at(page, words, size=1)


def spaced(page, words):
    line = page.beginText(40, 650)
    line.setCharSpace(2)
    line.textLine(words)
    page.drawText(line)


def flow(make):
    out = io.BytesIO()
    document = SimpleDocTemplate(out)
    body = [Paragraph(PLAIN, getSampleStyleSheet()["Normal"])]
    later = make(body, getSampleStyleSheet())
    document.build(body, **({"onFirstPage": later} if later else {}))
    return out.getvalue()


def reportlab_files(words):
    yield "page", canvas(lambda page: at(page, words))
    yield "embedded font", canvas(lambda page: at(page, words, "Vera"))
    yield "without compression", canvas(lambda page: at(page, words), pageCompression=0)
    yield "white and tiny", canvas(lambda page: white(page, words))
    yield "turned", canvas(lambda page: rotated(page, words))
    yield "spaced letters", canvas(lambda page: spaced(page, words))
    yield "off the page", canvas(lambda page: page.drawString(5000, 5000, words))
    yield "title", canvas(lambda page: page.setTitle(words))
    yield "keywords", canvas(lambda page: page.setKeywords(words))
    yield "bookmark", canvas(lambda page: (page.bookmarkPage("a"), page.addOutlineEntry(words, "a")))
    yield "note", canvas(lambda page: page.textAnnotation(words, Rect=[100, 100, 200, 200]))
    yield "field", canvas(lambda page: page.acroForm.textfield(name="a", value=words, x=50, y=500, width=400, height=20))
    yield "paragraph", flow(lambda body, styles: body.append(Paragraph(words, styles["Normal"])))
    yield "table", flow(lambda body, styles: body.append(Table([["a", "b"], ["c", Paragraph(words, styles["Normal"])]])))
    yield "header", flow(lambda body, styles: lambda page, _: page.drawString(40, 820, words))


def fpdf_pdf(make):
    pdf = fpdf.FPDF()
    pdf.add_page()
    pdf.set_font("Helvetica", size=10)
    pdf.multi_cell(0, text=PLAIN, new_x="LMARGIN", new_y="NEXT")
    make(pdf)
    return bytes(pdf.output())


def fpdf_files(words):
    def embedded(pdf):
        pdf.add_font("Vera", fname=str(FONT))
        pdf.set_font("Vera", size=10)
        pdf.multi_cell(0, text=words)

    def in_table(pdf):
        with pdf.table() as rows:
            for cells in (("a", "b"), ("c", words)):
                row = rows.row()
                for cell in cells:
                    row.cell(cell)

    yield "page", fpdf_pdf(lambda pdf: pdf.multi_cell(0, text=words))
    yield "embedded font", fpdf_pdf(embedded)
    yield "table", fpdf_pdf(in_table)
    yield "HTML", fpdf_pdf(lambda pdf: pdf.write_html(f"<p>A list:</p><ul><li>{words}</li></ul>"))
    yield "title", fpdf_pdf(lambda pdf: pdf.set_title(words))
    yield "note", fpdf_pdf(lambda pdf: pdf.text_annotation(20, 20, words))
    yield "attached file", fpdf_pdf(lambda pdf: pdf.embed_file(basename="a.txt", bytes=words.encode()))


def edited(make):
    writer = pypdf.PdfWriter()
    writer.append(io.BytesIO(canvas(lambda page: None)))
    writer.append(io.BytesIO(canvas(lambda page: at(page, "And a second page of it."))))
    make(writer)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def pypdf_files(words):
    box = (50, 50, 400, 200)
    yield "merged page", edited(lambda writer: writer.append(io.BytesIO(canvas(lambda page: at(page, words)))))
    yield "metadata", edited(lambda writer: writer.add_metadata({"/Subject": words}))
    yield "metadata of one's own", edited(lambda writer: writer.add_metadata({"/Remark": words}))
    yield "bookmark", edited(lambda writer: writer.add_outline_item(title=words, page_number=0))
    yield "attached file", edited(lambda writer: writer.add_attachment("a.txt", words.encode()))
    yield "text on the page", edited(
        lambda writer: writer.add_annotation(page_number=0, annotation=pypdf.annotations.FreeText(text=words, rect=box))
    )
    yield "link", edited(
        lambda writer: writer.add_annotation(page_number=0, annotation=pypdf.annotations.Link(rect=box, url="https://example.com/?q=" + words))
    )


def word(make):
    document = docx.Document()
    document.add_paragraph(PLAIN)
    make(document)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def docx_files(words):
    def in_table(document, depth):
        cell = document.add_table(rows=2, cols=2).cell(1, 1)
        for _ in range(depth):
            cell = cell.add_table(rows=1, cols=1).cell(0, 0)
        cell.text = words

    def hidden(document):
        run = document.add_paragraph().add_run(words)
        run.font.hidden = True

    def tiny(document):
        run = document.add_paragraph().add_run(words)
        run.font.size, run.font.color.rgb = Pt(1), RGBColor(255, 255, 255)

    def in_pieces(document):
        paragraph = document.add_paragraph()
        for number, letter in enumerate(words):
            paragraph.add_run(letter).bold = number % 2 == 0

    def commented(document):
        document.add_comment(document.paragraphs[0].runs, text=words, author="A", initials="A")

    def of(name):
        return word(lambda document: setattr(document.core_properties, name, words))

    yield "paragraph", word(lambda document: document.add_paragraph(words))
    yield "heading", word(lambda document: document.add_heading(words))
    yield "list", word(lambda document: document.add_paragraph(words, style="List Bullet"))
    yield "letters one by one", word(in_pieces)
    yield "table", word(lambda document: in_table(document, 0))
    yield "table in a table", word(lambda document: in_table(document, 2))
    yield "header", word(lambda document: setattr(document.sections[0].header.paragraphs[0], "text", words))
    yield "footer", word(lambda document: setattr(document.sections[0].footer.paragraphs[0], "text", words))
    yield "comment", word(commented)
    yield "hidden", word(hidden)
    yield "white and tiny", word(tiny)
    for name in ("title", "subject", "keywords", "comments"):
        yield f"property: {name}", of(name)


def book(make):
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet["A1"], sheet["A2"], sheet["B2"] = PLAIN, "beds", 12
    make(workbook, sheet)
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def xlsx_files(words):
    def on(state):
        def make(workbook, _):
            other = workbook.create_sheet("other")
            other["C7"], other.sheet_state = words, state

        return make

    def hidden_row(_, sheet):
        sheet["A9"] = words
        sheet.row_dimensions[9].hidden = True

    def chart(_, sheet):
        made = BarChart()
        made.title = words
        made.add_data(Reference(sheet, min_col=2, min_row=2, max_row=2))
        sheet.add_chart(made, "D4")

    def prompt(_, sheet):
        sheet.add_data_validation(DataValidation(type="whole", sqref="A4", showInputMessage=True, prompt=words))

    yield "cell", book(lambda workbook, sheet: sheet.__setitem__("A5", words))
    yield "second sheet", book(on("visible"))
    yield "hidden sheet", book(on("hidden"))
    yield "very hidden sheet", book(on("veryHidden"))
    yield "hidden row", book(hidden_row)
    yield "comment", book(lambda workbook, sheet: setattr(sheet["A1"], "comment", Comment(words, "A")))
    yield "header", book(lambda workbook, sheet: setattr(sheet.oddHeader.center, "text", words))
    yield "formula", book(lambda workbook, sheet: sheet.__setitem__("A6", f'=CONCATENATE("{words}", A2)'))
    yield "prompt", book(prompt)
    yield "chart", book(chart)
    yield "title", book(lambda workbook, sheet: setattr(workbook.properties, "title", words))


def slides(make):
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = PLAIN
    make(deck, slide)
    out = io.BytesIO()
    deck.save(out)
    return out.getvalue()


def pptx_files(words):
    box = (Inches(1), Inches(2), Inches(6), Inches(2))

    def second(deck, hide):
        slide = deck.slides.add_slide(deck.slide_layouts[5])
        slide.shapes.title.text = words
        if hide:
            slide._element.set("show", "0")

    def chart(_, slide):
        data = CategoryChartData()
        data.categories = [words, "b"]
        data.add_series("s", (1, 2))
        slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *box, data)

    def alternative(_, slide):
        shape = slide.shapes.add_textbox(*box)
        shape._element.nvSpPr.cNvPr.set("descr", words)

    yield "title of a slide", slides(lambda deck, slide: second(deck, False))
    yield "hidden slide", slides(lambda deck, slide: second(deck, True))
    yield "box", slides(lambda deck, slide: setattr(slide.shapes.add_textbox(*box).text_frame, "text", words))
    yield "table", slides(
        lambda deck, slide: setattr(slide.shapes.add_table(2, 2, *box).table.cell(1, 1), "text", words)
    )
    yield "notes", slides(lambda deck, slide: setattr(slide.notes_slide.notes_text_frame, "text", words))
    yield "alternative text", slides(alternative)
    yield "chart", slides(chart)
    yield "subject", slides(lambda deck, slide: setattr(deck.core_properties, "subject", words))


def written(document):
    out = io.BytesIO()
    document.write(out)
    return out.getvalue()


def letter(make):
    document = OpenDocumentText()
    document.text.addElement(text.P(text=PLAIN))
    make(document)
    return written(document)


def note_of(words):
    note = office.Annotation()
    note.addElement(text.P(text=words))
    return note


def rows(name, words, **options):
    made = table.Table(name=name, **options)
    row = table.TableRow()
    cell = table.TableCell(valuetype="string")
    cell.addElement(text.P(text=words))
    row.addElement(cell)
    made.addElement(row)
    return made


def odt_files(words):
    def noted(document):
        paragraph = text.P(text="Noted: ")
        paragraph.addElement(note_of(words))
        document.text.addElement(paragraph)

    def foot(document):
        note = text.Note(noteclass="footnote")
        note.addElement(text.NoteCitation(text="1"))
        inside = text.NoteBody()
        inside.addElement(text.P(text=words))
        note.addElement(inside)
        paragraph = text.P(text="See below")
        paragraph.addElement(note)
        document.text.addElement(paragraph)

    def header(document):
        layout = style.PageLayout(name="L")
        document.automaticstyles.addElement(layout)
        master = style.MasterPage(name="Standard", pagelayoutname=layout)
        above = style.Header()
        above.addElement(text.P(text=words))
        master.addElement(above)
        document.masterstyles.addElement(master)

    def hidden(document):
        paragraph = text.P(text="Nothing more ")
        paragraph.addElement(text.HiddenText(condition="ooow:1", stringvalue=words, ishidden="true"))
        document.text.addElement(paragraph)

    yield "paragraph", letter(lambda document: document.text.addElement(text.P(text=words)))
    yield "heading", letter(lambda document: document.text.addElement(text.H(outlinelevel=1, text=words)))
    yield "table", letter(lambda document: document.text.addElement(rows("T", words)))
    yield "comment", letter(noted)
    yield "footnote", letter(foot)
    yield "header", letter(header)
    yield "hidden text", letter(hidden)
    yield "title", letter(lambda document: document.meta.addElement(dc.Title(text=words)))
    yield "keyword", letter(lambda document: document.meta.addElement(meta.Keyword(text=words)))


def sheets(make):
    document = OpenDocumentSpreadsheet()
    document.spreadsheet.addElement(rows("first", PLAIN))
    make(document)
    return written(document)


def ods_files(words):
    def hidden(document):
        out_of_sight = style.Style(name="hidden", family="table")
        out_of_sight.addElement(style.TableProperties(display="false"))
        document.automaticstyles.addElement(out_of_sight)
        document.spreadsheet.addElement(rows("second", words, stylename=out_of_sight))

    def noted(document):
        made = table.Table(name="second")
        row, cell = table.TableRow(), table.TableCell()
        cell.addElement(note_of(words))
        row.addElement(cell)
        made.addElement(row)
        document.spreadsheet.addElement(made)

    yield "cell", sheets(lambda document: document.spreadsheet.addElement(rows("second", words)))
    yield "hidden sheet", sheets(hidden)
    yield "comment", sheets(noted)
    yield "subject", sheets(lambda document: document.meta.addElement(dc.Subject(text=words)))


def show(make):
    document = OpenDocumentPresentation()
    layout = style.PageLayout(name="L")
    document.automaticstyles.addElement(layout)
    master = style.MasterPage(name="M", pagelayoutname=layout)
    document.masterstyles.addElement(master)
    page = draw.Page(masterpagename=master)
    document.presentation.addElement(page)
    page.addElement(frame(PLAIN))
    make(document, page)
    return written(document)


def frame(words):
    made = draw.Frame(width="20cm", height="3cm", x="1cm", y="1cm")
    box = draw.TextBox()
    box.addElement(text.P(text=words))
    made.addElement(box)
    return made


def odp_files(words):
    def notes(_, page):
        made = presentation.Notes()
        made.addElement(frame(words))
        page.addElement(made)

    yield "box", show(lambda document, page: page.addElement(frame(words)))
    yield "notes", show(notes)
    yield "title", show(lambda document, page: document.meta.addElement(dc.Title(text=words)))


WRITERS = [
    ("reportlab", "pdf", reportlab_files),
    ("fpdf2", "pdf", fpdf_files),
    ("pypdf", "pdf", pypdf_files),
    ("python-docx", "docx", docx_files),
    ("openpyxl", "xlsx", xlsx_files),
    ("python-pptx", "pptx", pptx_files),
    ("odfpy", "odt", odt_files),
    ("odfpy", "ods", ods_files),
    ("odfpy", "odp", odp_files),
]


def main():
    folder = Path(sys.argv[1])
    number = 0
    for what, words in json.load(sys.stdin).items():
        for writer, form, files in WRITERS:
            for place, content in files(words):
                number += 1
                path = folder / f"{number}.{form}"
                path.write_bytes(content)
                line = {"file": str(path), "writer": writer, "format": form, "what": what, "place": place}
                print(json.dumps(line))


if __name__ == "__main__":
    main()
